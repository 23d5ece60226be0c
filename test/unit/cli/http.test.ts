import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { send, textOf } from '../../../cli/http.js';

const http = { headers: { accept: 'application/json' }, tls: {} };

async function serve(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
}

t.test('every status is an answer, none is followed, and a body goes as JSON with its length', async (t) => {
  const url = await serve(t, async (request, response) => {
    const { method, headers } = request;
    const told = [method, headers.accept, headers['content-type'], headers['content-length']];
    response.writeHead(302, { location: '/elsewhere' });
    response.end(JSON.stringify([...told, await textOf(request)]));
  });
  const response = await send(http, { url, method: 'PUT', json: { name: 'ü' } });
  t.equal(response.statusCode, 302);
  const told = ['PUT', 'application/json', 'application/json', '13', '{"name":"ü"}'];
  t.same(JSON.parse(await textOf(response)), told);
  const plain = JSON.parse(await textOf(await send(http, { url })));
  t.same(plain, ['GET', 'application/json', null, null, '']);
});

t.test('an answer that is cut short is none', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('half', () => response.destroy());
  });
  await t.rejects(send(http, { url }).then(textOf), { code: 'ECONNRESET' });
});

t.test('nobody waits for an answer for longer than was said, nor for one that is not wanted', async (t) => {
  const url = await serve(t, () => undefined);
  await t.rejects(send(http, { url, answerMs: 20 }), { message: 'timeout of 20 ms: no answer' });
  const stop = new AbortController();
  const asked = send(http, { url, signal: stop.signal });
  stop.abort();
  await t.rejects(asked, { name: 'AbortError' });
});

t.test('a handshake that nobody answers ends', async (t) => {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  await t.rejects(send(http, { url: `https://127.0.0.1:${port}/` }, 20), {
    message: 'timeout of 20 ms: TLS handshake',
  });
});
