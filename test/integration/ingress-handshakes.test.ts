/** Certificates on a real Caddy and a real resolver: another one is shown at once, and nobody who is under way notices. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import t from 'tap';
import { caddyTraits } from '../../proxy-config/caddy-version.js';
import { ingressPaths } from '../../proxy-config/paths.js';
import type { Certificate } from '../../proxy-config/route.js';
import { aCertificate } from '../support/a-certificate.js';
import { shopCertificate } from './ingress-certificates.js';
import {
  anAllocation,
  aRoute,
  type Edge,
  startBackend,
  startEdge,
  startLoad,
  until,
} from './ingress-harness.js';

t.setTimeout(120_000);
const SWAPS = 20;
const edge = await startEdge();
const backend = await startBackend('one');
t.teardown(async () => {
  await edge.close();
  await backend.close();
});

const routes = [aRoute({ allocations: [anAllocation('a.1', backend.endpoint.port)] })];
const first: Certificate = { ...shopCertificate, names: ['shop.test'] };
const other = aCertificate(['other.test']);
const second: Certificate = { names: ['shop.test'], certPem: other.cert, keyPem: other.key };
const common = (one: Certificate) => (one === first ? 'shop.test' : 'other.test');
const loads = () => edge.logs.filter((line) => line.startsWith('Caddy serves')).length;
let revision = 1;
const serve = (certificate: Certificate): void => {
  revision += 1;
  edge.role.apply({ ...edge.ingress(routes), certificates: [certificate] }, revision);
};

serve(first);
await until('a first route', () => edge.traffic('a.1')?.state === 'routed');
const { servesAccepted } = caddyTraits(edge.role.observed()?.caddyVersion ?? null);

t.test('another certificate is shown, and no handshake and no request fails', async (t) => {
  const before = loads();
  const handshakes = startHandshakes(edge);
  const busy = startLoad(edge);
  for (let round = 0; round < SWAPS; round += 1) {
    const next = round % 2 === 0 ? second : first;
    serve(next);
    await until('it is shown', async () => (await handshake(edge)) === common(next));
    const at = handshakes.count();
    await until('under load', () => handshakes.count() > at + 20);
  }
  t.same((await busy.stop()).failed, []);
  t.same((await handshakes.stop()).failed, []);
  t.equal(loads() - before, servesAccepted ? SWAPS : 0, 'it is loaded only where that costs nothing');
});

t.test(
  'killed, the process that has the certificates is followed at once, and no handshake fails',
  async (t) => {
    const handshakes = startHandshakes(edge);
    for (let round = 0; round < 3; round += 1) {
      const pid = edge.pidOf('resolver');
      process.kill(pid, 'SIGKILL');
      await until('another process', () => edge.pidOf('resolver') !== pid);
      const at = handshakes.count();
      await until('under load', () => handshakes.count() > at + 20);
    }
    t.same((await handshakes.stop()).failed, []);
  },
);

t.test('one that an OCSP answer can be stapled to is loaded into Caddy, and shown all the same', async () => {
  // It is a load, and on the current Caddy a handshake that is under way just then fails.
  serve({ ...second, stapled: true });
  await until('it is shown', async () => (await handshake(edge).catch(() => null)) === common(second));
  serve(first);
  await until('the other is shown', async () => (await handshake(edge).catch(() => null)) === common(first));
});

t.test(
  'an address has its own, for clients that send no name; a name that nobody serves has not',
  async (t) => {
    const { cert, key } = aCertificate(['127.0.0.1']);
    const address: Certificate = { names: ['127.0.0.1'], certPem: cert, keyPem: key };
    revision += 1;
    edge.role.apply({ ...edge.ingress(routes), certificates: [first, address] }, revision);
    const shown = (servername: string) => handshake(edge, servername).catch(() => null);
    await until('it is shown', async () => (await shown('')) === '127.0.0.1');
    t.equal(await shown('shop.test'), 'shop.test');
    t.equal(await shown('nobody.test'), 'orca.invalid');
    serve(first);
    await until('it is gone', async () => (await shown('')) === 'orca.invalid');
  },
);

t.test('what is asked for stands in nothing that Caddy keeps', async (t) => {
  const autosave = readFileSync(ingressPaths(edge.home).autosave, 'utf8');
  t.equal(autosave.includes('PRIVATE KEY'), servesAccepted);
  t.equal(autosave.includes('get_certificate'), !servesAccepted);
});

/** The common name of what is shown; rejects when the handshake fails. */
function handshake({ httpsPort }: Edge, servername = 'shop.test'): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: httpsPort, servername, rejectUnauthorized: false };
    const socket = connect(where, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** A few clients that do nothing but shake hands. */
function startHandshakes(edge: Edge) {
  const failed: string[] = [];
  let done = 0;
  let stopping = false;
  const worker = async (): Promise<void> => {
    while (!stopping) {
      await handshake(edge).catch((error: Error) => failed.push(error.message));
      done += 1;
    }
  };
  const workers = Array.from({ length: 4 }, worker);
  return {
    count: () => done,
    async stop() {
      stopping = true;
      await Promise.all(workers);
      return { done, failed };
    },
  };
}
