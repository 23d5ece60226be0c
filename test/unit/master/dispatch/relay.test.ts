import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import t, { type Test } from 'tap';
import { openAuthority } from '../../../../master/authority.js';
import { createRelay } from '../../../../master/dispatch/relay.js';
import { createPeers } from '../../../../master/peer.js';
import { RELAY_PROTOCOL } from '../../../../shared/carry.js';
import { OrcaError } from '../../../../shared/errors.js';
import { aStore } from '../../../support/a-store.js';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function aRelay(t: Test, tell: (node: string, id: string) => void = () => undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'orca-relay-'));
  const authority = openAuthority(folder, Date.now());
  const store = aStore(t);
  store.write((tx) => {
    for (const node of ['reader', 'holder', 'other'])
      tx.putIdentity({ node, name: node, labels: {}, issuedAtMs: 1, notAfterMs: 2 });
  });
  const relay = createRelay({
    ...{ store, tell, log, comeMs: 1_000, peer: createPeers(authority.caPem) },
    mayRead: (reader, holder) => reader === 'reader' && holder === 'holder',
  });
  const { certPem, keyPem } = authority.issueServer(['127.0.0.1'], Date.now());
  const ca = authority.caPem;
  const server = createServer({
    cert: certPem,
    key: keyPem,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('upgrade', (incoming, socket, head) => {
    if (!relay(incoming, socket, head)) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  /** The joined connection, or what was refused. */
  const come = (node: string | null, path: string): Promise<Duplex | string> => {
    const own = node === null ? null : authority.issueNode(node, Date.now());
    const identity: RequestOptions = own === null ? {} : { cert: own.certPem, key: own.keyPem };
    const headers = { connection: 'Upgrade', upgrade: RELAY_PROTOCOL };
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, headers, ca, agent: false, ...identity });
      sent.on('error', reject);
      sent.on('upgrade', (_, socket) => {
        t.teardown(() => void socket.destroy());
        resolve(socket);
      });
      sent.on('response', (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      });
      sent.end();
    });
  };
  return { come };
}

const isSocket = (got: Duplex | string): got is Duplex => typeof got !== 'string';

async function read(socket: Duplex): Promise<string> {
  for await (const chunk of socket) return String(chunk);
  return '';
}

t.test('a node that may read is joined with the one that it reads from', async (t) => {
  const { come } = await aRelay(t, (node, id) => {
    t.equal(node, 'holder');
    void come('holder', `/relay/from/${id}`).then((got) => {
      if (isSocket(got)) got.on('data', (chunk) => void got.write(`heard ${chunk}`));
    });
  });
  const got = await come('reader', '/relay/to/holder');
  if (!isSocket(got)) return t.fail(got);
  got.write('a question');
  t.equal(await read(got), 'heard a question');
});

t.test('nobody else is, and an id is good for the one that was told it, once', async (t) => {
  const ids: string[] = [];
  const { come } = await aRelay(t, (_, id) => void ids.push(id));
  t.match(await come('other', '/relay/to/holder'), /^403 this node has no image to read/);
  t.match(await come('reader', '/relay/to/other'), /^403/);
  t.match(await come(null, '/relay/to/holder'), /^401 no client certificate/);
  t.match(await come('stranger', '/relay/to/holder'), /^401 node stranger is not known/);
  t.match(await come('holder', '/relay/from/none'), /^404 nobody waits under that id/);
  t.same(ids, []);
  const waiting = come('reader', '/relay/to/holder');
  while (ids.length === 0) await new Promise((resolve) => setImmediate(resolve));
  t.match(await come('other', `/relay/from/${ids[0]}`), /^404/);
  t.ok(isSocket(await come('holder', `/relay/from/${ids[0]}`)));
  t.ok(isSocket(await waiting));
  t.match(await come('holder', `/relay/from/${ids[0]}`), /^404/);
});

t.test('a node without a session is told of, and connections are bounded', async (t) => {
  const { come } = await aRelay(t, () => {
    throw new OrcaError('NODE_UNREACHABLE', 'node holder has no live session');
  });
  t.match(await come('reader', '/relay/to/holder'), /^503 node holder has no live session/);
  const many = await aRelay(t);
  const all = Array.from({ length: 12 }, () => many.come('reader', '/relay/to/holder'));
  const one = await Promise.race([...all, many.come('reader', '/relay/to/holder')]);
  t.match(one, /^503 too many connections are relayed already/);
  for (const late of await Promise.all(all)) t.match(late, /^504 that node did not come to the master/);
});
