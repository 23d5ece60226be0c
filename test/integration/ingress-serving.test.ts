/** What the ingress serves, on a real Caddy and a real resolver. */
import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { request } from 'node:https';
import { Readable } from 'node:stream';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { freePort } from '../support/free-port.js';
import { anAllocation, aRoute, curl, startBackend, startEdge, until } from './ingress-harness.js';

const echo: RequestListener = (incoming, response) => {
  if (incoming.url === '/break') return void incoming.resume().on('end', () => incoming.socket.destroy());
  const hash = createHash('sha256');
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  incoming.on('end', () => {
    const { method, url, headers } = incoming;
    response.end(JSON.stringify({ method, url, headers, bytes, sha256: hash.digest('hex') }));
  });
};
const sse: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: first\n\n');
  response.on('close', () => response.end());
};

const edge = await startEdge();
const gonePort = await freePort();
const backends = {
  one: await startBackend('one'),
  echo: await startBackend('echo', echo),
  sse: await startBackend('sse', sse),
};
const sockets = new WebSocketServer({ server: backends.one.server, path: '/socket' });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`again ${data}`)));
t.teardown(async () => {
  await edge.close();
  for (const backend of Object.values(backends)) await backend.close();
});

edge.apply([
  aRoute({ allocations: [anAllocation('shop.api.1', backends.one.endpoint.port)] }),
  aRoute({
    service: 'shop/echo',
    srvName: 'echo.shop.orca',
    paths: ['/echo/*'],
    stripPrefix: '/echo',
    allocations: [anAllocation('shop.echo.1', backends.echo.endpoint.port)],
  }),
  aRoute({
    service: 'shop/sse',
    srvName: 'sse.shop.orca',
    paths: ['/echo/events'],
    allocations: [anAllocation('shop.sse.1', backends.sse.endpoint.port)],
  }),
  aRoute({
    service: 'shop/refuses',
    srvName: 'refuses.shop.orca',
    paths: ['/refuses/*'],
    allocations: [anAllocation('shop.refuses.1', gonePort)],
  }),
  aRoute({ service: 'shop/idle', srvName: 'idle.shop.orca', domains: ['other.test'] }),
  aRoute({
    service: 'shop/off',
    srvName: 'off.shop.orca',
    domains: ['www.shop.test'],
    wanted: false,
    paths: ['/off/*'],
  }),
]);
await until('routed', () => edge.traffic('shop.api.1')?.state === 'routed');
await until('routed', () => edge.traffic('shop.refuses.1')?.state === 'routed');
await until('routed', () => edge.traffic('shop.echo.1')?.state === 'routed');

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  bytes: number;
  sha256: string;
}

t.test('a published allocation answers through HTTPS, over HTTP/1.1 and HTTP/2', async (t) => {
  t.equal(await edge.client('').text(), 'one');
  t.equal(await curl(edge, 'https://shop.test/', '--http2', '-w', ' %{http_version}'), 'one 2');
});

t.test('HTTP is sent on to HTTPS with 308 and the port, for known names only', async (t) => {
  const answer = await curl(edge, 'http://shop.test/a?b=c', '-D', '-', '-o', '/dev/null');
  t.match(answer, /308/);
  t.match(answer, new RegExp(`Location: https://shop.test:${edge.httpsPort}/a\\?b=c`, 'i'));
  t.match(await curl(edge, 'http://unknown.test/', '-w', '%{http_code}'), /No service.*404/s);
});

t.test('an unknown name gets a 404 page, by HTTPS too, with the fallback certificate', async (t) => {
  t.match(await curl(edge, 'https://unknown.test/', '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, `https://127.0.0.1:${edge.httpsPort}/`, '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, 'https://unknown.test/', '-v', '--stderr', '-'), /CN=orca.invalid/);
  t.match(await curl(edge, 'https://shop.test/', '-v', '--stderr', '-'), /CN=shop.test/);
});

t.test('a known name with a path that no service has gets the 404 page', async (t) => {
  t.match(await curl(edge, 'https://www.shop.test/nothing', '-w', '%{http_code}'), /No service.*404/s);
});

t.test(
  'a service that never had anything ready, or is stopped, answers 503 with Retry-After at once',
  async (t) => {
    for (const url of ['https://other.test/', 'https://www.shop.test/off/x']) {
      const answer = await curl(edge, url, '-D', '-');
      t.match(answer, /^HTTP\/2 503/);
      t.match(answer, /retry-after: \d+/i);
      t.match(answer, /not ready/);
    }
  },
);

t.test('one that took the request and broke off is 502, one that refuses the connection 503', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const broken = await edge.client('echo/break', { method });
    t.equal(broken.statusCode, 502, method);
    t.match(broken.body, /ended this request/);
    t.equal(broken.headers['retry-after'], undefined, 'it may have been done: nobody says to ask again');
  }
  const refused = await edge.client('refuses/', { method: 'POST' });
  t.equal(refused.statusCode, 503);
  t.ok(refused.headers['retry-after']);
});

t.test('the more specific path wins over the less specific one, whatever their order', async (t) => {
  const seen = await edge.client('echo/deep/path?q=1').json<Echo>();
  t.equal(seen.url, '/deep/path?q=1', 'and the prefix is stripped');
  t.equal(await edge.client('other').text(), 'one');
});

t.test('headers about the client come from the connection, never from the client', async (t) => {
  const lies = {
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-port': '1',
    'x-real-ip': '6.6.6.6',
    forwarded: 'for=6.6.6.6',
    'x-forwarded-prefix': '/evil',
    'x-forwarded-scheme': 'http',
    'x-forwarded-server': 'evil',
    'x-forwarded-ssl': 'off',
    'x-url-scheme': 'http',
  };
  const { headers } = await edge.client('echo/', { headers: lies }).json<Echo>();
  t.equal(headers['x-forwarded-for'], '127.0.0.1');
  t.equal(headers['x-forwarded-proto'], 'https');
  t.equal(headers['x-forwarded-host'], `shop.test:${edge.httpsPort}`);
  t.equal(headers['x-forwarded-port'], String(edge.httpsPort));
  t.equal(headers['x-real-ip'], '127.0.0.1');
  t.equal(headers['x-forwarded-prefix'], '/echo');
  t.equal(headers.forwarded, undefined);
  t.equal(headers.host, `shop.test:${edge.httpsPort}`, 'the Host is the client’s');
});

t.test('a WebSocket passes', async (t) => {
  const options = { servername: 'shop.test', headers: { host: 'shop.test' }, rejectUnauthorized: false };
  const socket = new WebSocket(`wss://127.0.0.1:${edge.httpsPort}/socket`, options);
  const answer = await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send('hello'));
    socket.on('message', (data) => resolve(String(data)));
  });
  t.equal(answer, 'again hello');
  socket.terminate();
});

t.test('an event arrives while the stream stays open', async (t) => {
  const first = await new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: edge.httpsPort,
      servername: 'shop.test',
      rejectUnauthorized: false,
    };
    const call = request({ ...options, path: '/echo/events', headers: { host: 'shop.test' } }, (response) => {
      response.once('data', (chunk: Buffer) => {
        resolve(chunk.toString());
        call.destroy();
      });
    });
    call.on('error', reject);
    call.end();
  });
  t.equal(first, 'data: first\n\n');
});

t.test('a large upload arrives whole, with and without a length', async (t) => {
  const chunk = Buffer.alloc(1 << 20, 7);
  const total = 64;
  const hash = createHash('sha256');
  for (let i = 0; i < total; i += 1) hash.update(chunk);
  const sha256 = hash.digest('hex');
  const body = () =>
    Readable.from(
      (function* () {
        for (let i = 0; i < total; i += 1) yield chunk;
      })(),
    );
  const length = { 'content-length': String(total << 20) };
  for (const headers of [length, {}]) {
    const seen = await edge.client.post('echo/upload', { body: body(), headers }).json<Echo>();
    t.match(seen, { bytes: total << 20, sha256 });
  }
});

t.test('a GET with a body arrives with its body', async (t) => {
  const seen = await edge
    .client('echo/', { method: 'GET', body: 'question', allowGetBody: true })
    .json<Echo>();
  t.equal(seen.bytes, 8);
});
