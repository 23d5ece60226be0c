import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { openLoopback } from '../../../../agent/carry/loopback.js';

const hex = 'a'.repeat(64);

async function aLoopback(test: Test) {
  const asked: string[] = [];
  const far = createServer((incoming, answer) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.range ?? ''}`.trim());
    answer.writeHead(206, { 'content-range': 'bytes 1-2/9' });
    answer.end('ok');
  });
  await new Promise<void>((resolve) => far.listen(0, '127.0.0.1', resolve));
  const ports: number[] = [];
  const loopback = openLoopback(
    () => 0,
    (port) => ports.push(port),
  );
  test.teardown(async () => {
    await loopback.stop();
    far.close();
    far.closeAllConnections();
  });
  const agent = new Agent();
  Object.assign(agent, { createConnection: () => connect((far.address() as AddressInfo).port, '127.0.0.1') });
  const way = await loopback.open('from', hex, { agent });
  const { username, password } = way.auth;
  const right = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const call = (
    method: string,
    path: string,
    authorization?: string,
  ): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = { range: 'bytes=1-2', ...(authorization ? { authorization } : {}) };
      request({ port: ports[0], method, path, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      })
        .on('error', reject)
        .end();
    });
  return { call, right, way, asked };
}

t.test('only who has the password is answered', async (t) => {
  const { call, right, asked } = await aLoopback(t);
  const path = `/v2/from/${hex}/blobs/sha256:b`;
  t.equal((await call('GET', '/v2/')).status, 401);
  t.equal((await call('GET', path)).status, 401);
  t.equal((await call('GET', path, `${right}x`)).status, 401);
  t.same(asked, []);
  t.equal((await call('GET', '/v2/', right)).status, 200);
});

t.test('an image on its way is read in ranges, under its name at the other end, and counted', async (t) => {
  const { call, right, way, asked } = await aLoopback(t);
  t.same(await call('GET', `/v2/from/${hex}/blobs/sha256:b`, right), { status: 206, text: 'ok' });
  t.same(asked, [`GET /v2/img/${hex}/blobs/sha256:b bytes=1-2`]);
  t.equal(way.bytes(), 2);
});

t.test('nothing else is: no other image, no write, no way out, and nothing once it is closed', async (t) => {
  const { call, right, way, asked } = await aLoopback(t);
  const paths = [
    `/v2/from/${'b'.repeat(64)}/blobs/sha256:b`,
    `/v2/img/${hex}/blobs/sha256:b`,
    `/v2/from/${hex}/blobs/../../../_catalog`,
    '/v2/_catalog',
  ];
  for (const path of paths) t.equal((await call('GET', path, right)).status, 404, path);
  t.equal((await call('PUT', `/v2/from/${hex}/manifests/latest`, right)).status, 404);
  way.close();
  t.equal((await call('GET', `/v2/from/${hex}/blobs/sha256:b`, right)).status, 404);
  t.same(asked, []);
});
