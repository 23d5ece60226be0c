import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { connect as connectPlain, createServer as createPipe } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { startImageServer } from '../../../../agent/carry/server.js';
import { openAuthority } from '../../../../master/authority.js';
import type { CarryServe } from '../../../../shared/carry.js';

const hex = 'a'.repeat(64);
const imageId = `sha256:${hex}`;
const digest = `sha256:${'d'.repeat(64)}`;

async function aServer(test: Test, serve: CarryServe[]) {
  const folder = mkdtempSync(join(tmpdir(), 'orca-images-'));
  const authority = openAuthority(folder, Date.now());
  const socket = join(folder, 'r.sock');
  const asked: string[] = [];
  const registry = createPlain((request, answer) => {
    asked.push(`${request.method} ${request.url}`);
    answer.end('a layer');
  });
  await new Promise<void>((resolve) => registry.listen(socket, resolve));
  const own = authority.issueNode('holder', Date.now());
  const server = await startImageServer({
    identity: { ca: authority.caPem, cert: own.certPem, key: own.keyPem },
    ...{ host: '127.0.0.1', port: 0, serve: () => serve, onUse: () => undefined },
    preparer: { ask: () => ({ state: 'ready', digest }), isBusy: () => false, forget: () => undefined },
    registry: {
      socket,
      ensure: async () => undefined,
      stop: async () => undefined,
      isThere: () => true,
      rest: (work) => work(),
    },
  });
  test.teardown(() => {
    server.stop();
    registry.close();
    rmSync(folder, { recursive: true });
  });
  const call = async (method: string, path: string, who: { certPem: string; keyPem: string } | null) => {
    const identity = who === null ? {} : { cert: who.certPem, key: who.keyPem };
    return await said(connect({ port: server.port, rejectUnauthorized: false, ...identity }), method, path);
  };
  return { server, authority, asked, call };
}

function said(socket: TLSSocket, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
}

t.test('a node reads what the master has said that it may read, and nothing else', async (t) => {
  const { authority, asked, call } = await aServer(t, [{ imageId, ref: 'app:1', readers: ['reader'] }]);
  const reader = authority.issueNode('reader', Date.now());
  t.match(await call('POST', `/images/${hex}`, reader), `{"state":"ready","digest":"${digest}"}`);
  t.match(await call('GET', `/v2/img/${hex}/blobs/${digest}`, reader), /200 OK[\s\S]*a layer/);
  t.same(asked, [`GET /v2/img/${hex}/blobs/${digest}`]);
  const none = /404[\s\S]*the master has not said that this node may read that image/;
  t.match(await call('GET', `/v2/img/${'b'.repeat(64)}/blobs/${digest}`, reader), none);
  t.match(await call('GET', `/v2/img/${hex}/blobs/../../${'b'.repeat(64)}/blobs/${digest}`, reader), /405/);
  t.match(await call('GET', '/v2/_catalog', reader), none);
  t.match(await call('PUT', `/v2/img/${hex}/manifests/latest`, reader), /405/);
  t.match(
    await call('GET', `/v2/img/${hex}/blobs/${digest}`, authority.issueNode('other', Date.now())),
    none,
  );
  t.equal(asked.length, 1);
});

t.test('who is no node of the cluster is told nothing', async (t) => {
  const { authority, asked, call } = await aServer(t, [{ imageId, ref: 'app:1', readers: ['reader'] }]);
  const path = `/v2/img/${hex}/blobs/${digest}`;
  const refused = /401[\s\S]*no certificate of a node/;
  t.match(await call('GET', path, null), refused);
  t.match(
    await call('GET', path, authority.issueServer(['reader'], Date.now())),
    refused,
    "a site's certificate",
  );
  const old = authority.issueNode('reader', Date.now() - 91 * 86_400_000);
  t.match(await call('GET', path, old), refused, 'one that has expired');
  const folder = mkdtempSync(join(tmpdir(), 'orca-images-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const stranger = openAuthority(folder, Date.now()).issueNode('reader', Date.now());
  t.match(await call('GET', path, stranger), refused, 'one of another cluster');
  t.same(asked, []);
});

t.test('a connection that was relayed is the same', async (t) => {
  const { server, authority } = await aServer(t, [{ imageId, ref: 'app:1', readers: ['reader'] }]);
  const pipe = createPipe((socket) => server.take(socket));
  await new Promise<void>((resolve) => pipe.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void pipe.close());
  const { port } = pipe.address() as { port: number };
  const { certPem, keyPem } = authority.issueNode('reader', Date.now());
  const socket = connectPlain(port, '127.0.0.1');
  const inner = connect({ socket, rejectUnauthorized: false, cert: certPem, key: keyPem });
  t.match(await said(inner, 'POST', `/images/${hex}`), '"state":"ready"');
});
