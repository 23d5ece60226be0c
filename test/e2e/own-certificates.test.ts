/** Certificates of the user's own, as a user has them: files that are replaced or go bad, uploads, and what `orca certs` says of them. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import type { CertificatesReply, CertificateView } from '../../shared/api-certificates.js';
import { aCa, aCertificate, encrypted, type Made } from '../support/a-certificate.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const NAME = 'web.example.test';
const OTHER = 'other.example.test';

const orca = await startOrca();
t.teardown(() => orca.stop());
await nodeAppImage({ tag: 'orca-e2e/web:v1', env: { RELEASE: 'v1' } });
const root = aCa('Somebody CA');
const made = (names: string[]): Made => aCertificate(names, { ca: root });

/** As certbot and people do it: each file is there whole or not at all. */
function put(name: string, text: string, mode = 0o600): void {
  mkdirSync(join(orca.home, 'certs'), { recursive: true, mode: 0o700 });
  writeFileSync(join(orca.home, 'certs', `${name}.new`), text, { mode });
  renameSync(join(orca.home, 'certs', `${name}.new`), join(orca.home, 'certs', name));
}

/** A handshake: what was shown, and whether a client that trusts that CA alone takes it. */
function shown(servername: string, ca: string): Promise<{ fingerprint: string; why: string | null }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: orca.httpsPort, servername, ca, rejectUnauthorized: false };
    const socket = connect(options, () => {
      const fingerprint = socket.getPeerCertificate().fingerprint256;
      resolve({ fingerprint, why: socket.authorized ? null : String(socket.authorizationError) });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

const printOf = ({ cert }: Made): string => new X509Certificate(cert).fingerprint256;
const isShown = (name: string, of: Made) =>
  waitFor(
    `${name} to be served with it`,
    async () => {
      const { fingerprint, why } = await shown(name, root.certPem);
      return fingerprint === printOf(of) && why === null;
    },
    { timeoutMs: 10_000 },
  );
const certs = async (): Promise<CertificateView[]> =>
  (await orca.run(['certs', '--json'])).json<CertificatesReply>().certificates;
const viewThat = (name: string, what: string, holds: (view: CertificateView) => boolean) =>
  waitFor(`${name} ${what}`, async () => (await certs()).find((one) => one.name === name && holds(one)), {
    timeoutMs: 15_000,
    everyMs: 200,
  });
const toml = (tls: string[]): string =>
  serviceToml(
    { name: 'web', image: 'orca-e2e/web:v1', domain: NAME, lines: tls },
    { name: 'other', image: 'orca-e2e/web:v1', domain: OTHER },
  );
const withFiles = toml(['tls_cert = "web.pem"', 'tls_key = "web.key"']);
let current = made([NAME]);

t.test('a deploy with files that are not there is refused, and changes nothing', async (t) => {
  const result = await orca.deploy(withFiles);
  t.equal(result.code, 2);
  t.match(result.stderr, /tls_cert .*certs\/web\.pem is not there/);
  t.same((await orca.status()).services, []);
});

t.test('a service is served with its own certificate, another with one of the cluster', async (t) => {
  put('web.pem', current.cert, 0o644);
  put('web.key', current.key);
  await orca.deployed(withFiles);
  await isShown(NAME, current);
  const ca = (await orca.run(['certs', 'ca'])).stdout;
  t.equal((await shown(OTHER, ca)).why, null);
  t.equal(JSON.parse((await orca.api('GET', '/certs/ca')).body).ca, ca);
  const answer = await orca.get(NAME, '/', { ca: root.certPem });
  t.equal(answer.status, 200);
  t.match(await viewThat(NAME, 'to be its own', ({ source }) => source === 'own'), {
    ...{ state: 'issued', from: 'files:default/web', issuer: 'Somebody CA', reason: null, renews_at: null },
  });
  t.match(await viewThat(OTHER, "to be the cluster's", ({ source }) => source === 'orca'), {
    ...{ state: 'issued', issuer: 'Orca cluster CA' },
  });
});

t.test(
  'files that are replaced are served within 10 s, and every handshake before and after goes',
  async (t) => {
    const next = made([NAME]);
    const seen = new Map<string, number>();
    let isOver = false;
    const hands = [1, 2, 3].map(async () => {
      while (!isOver) {
        const what = await shown(NAME, root.certPem).then(
          ({ fingerprint, why }) => why ?? fingerprint,
          (error: Error) => error.message,
        );
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }
    });
    try {
      await waitFor('handshakes', () => (seen.get(printOf(current)) ?? 0) > 20);
      const sinceMs = Date.now();
      put('web.pem', next.cert, 0o644);
      put('web.key', next.key);
      await isShown(NAME, next);
      t.comment(`the new one is served after ${Date.now() - sinceMs} ms`);
      await waitFor('more handshakes', () => (seen.get(printOf(next)) ?? 0) > 20);
    } finally {
      isOver = true;
      await Promise.all(hands);
    }
    t.same([...seen.keys()].sort(), [printOf(current), printOf(next)].sort());
    current = next;
  },
);

t.test(
  'what is bad is refused with a reason; the one in use stays, and nothing else is touched',
  async (t) => {
    const containers = (await orca.containers()).map(({ Id }) => Id).sort();
    const other = (await shown(OTHER, root.certPem)).fingerprint;
    const refused = async (reason: RegExp) => {
      const view = await viewThat(NAME, `to be refused: ${reason}`, (one) => reason.test(one.reason ?? ''));
      t.match(view, { source: 'own', state: 'refused', todo: /./, reason: /the one taken up before stays/ });
      t.match((await orca.run(['certs'])).stdout, reason);
      t.match((await orca.run(['status'])).stdout, reason);
      t.same(await shown(NAME, root.certPem), { fingerprint: printOf(current), why: null });
    };
    put('web.key', made([NAME]).key);
    await refused(/web\.key is not of the certificate/);
    put('web.key', encrypted(current.key));
    await refused(/web\.key is encrypted/);
    put('web.key', current.key, 0o644);
    await refused(/web\.key can be read by everybody/);
    put('web.key', current.key);
    put('web.pem', aCertificate([NAME], { ca: root, untilMs: Date.now() - 1_000 }).cert, 0o644);
    await refused(/is not of the certificate|expired/);
    t.equal((await orca.service('web')).status, 'running');
    t.equal((await shown(OTHER, root.certPem)).fingerprint, other);
    t.same((await orca.containers()).map(({ Id }) => Id).sort(), containers);
    await waitFor('the event', async () => /refused/.test((await orca.run(['events'])).stdout));
    await orca.stopServer();
    await orca.startServer();
    t.same(
      await shown(NAME, root.certPem),
      { fingerprint: printOf(current), why: null },
      'over a restart too',
    );
    await refused(/is not of the certificate|expired/);
    put('web.pem', current.cert, 0o644);
    t.match(await viewThat(NAME, 'to be right again', ({ state }) => state === 'issued'), { reason: null });
  },
);

t.test('an added wildcard serves what it covers, and its end brings back what was there', async (t) => {
  const wild = made(['*.example.test']);
  orca.write('wild.pem', wild.cert);
  orca.write('wild.key', wild.key);
  chmodSync(join(orca.folder, 'wild.key'), 0o600);
  const add = ['certs', 'add', '*.example.test', '--cert', 'wild.pem', '--key', 'wild.key'];
  const added = await orca.run(add);
  t.equal(added.code, 0, added.stderr);
  await isShown(OTHER, wild);
  await isShown(NAME, current);
  t.match(await viewThat(OTHER, 'to be the wildcard', ({ source }) => source === 'own'), {
    from: 'upload:*.example.test',
  });
  orca.write('wild.key', made(['*.example.test']).key);
  chmodSync(join(orca.folder, 'wild.key'), 0o600);
  const bad = await orca.run(add);
  t.equal(bad.code, 2);
  t.match(bad.stderr, /is not of the certificate/);
  await isShown(OTHER, wild);
  t.equal((await orca.run(['certs', 'rm', '*.example.test'])).code, 0);
  const ca = (await orca.run(['certs', 'ca'])).stdout;
  await waitFor('the cluster CA', async () => (await shown(OTHER, ca)).why === null, { timeoutMs: 10_000 });
  await isShown(NAME, current);
});

t.test('no key is in what anybody sees', async (t) => {
  const lines = current.key.split('\n').slice(1, -2);
  const all = [
    (await orca.run(['events', '--json'])).stdout,
    (await orca.run(['status', '--json'])).stdout,
    (await orca.run(['certs', '--json'])).stdout,
    orca.log(),
  ].join('\n');
  t.ok(lines.length > 0 && lines.every((line) => !all.includes(line)));
});
