/**
 * Wildcards and names that no CA reaches, by DNS-01, with Pebble and a provider that makes records for who has its token. The Caddy that makes them
 * is the one that `ORCA_TEST_DNS_CADDY` names, else a stand-in with a real ACME client; the suite says which. The ingress is the suite's.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import t from 'tap';
import { dnsCaddy } from '../support/dns-caddy.js';
import { nodeAppImage } from '../support/images.js';
import { makeOrca } from '../support/orca.js';
import { ACCOUNT, ORDER, startPebble } from '../support/pebble.js';
import { killHard, processesOf } from '../support/processes.js';
import { servedCertificate } from '../support/served-certificate.js';
import { serviceToml } from '../support/service-toml.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { startTxtApi } from '../support/txt-api.js';
import { waitFor } from '../support/wait-for.js';

const TOKEN = 'dns-api-token-8c1f0e';
const PATIENCE = { timeoutMs: 60_000, everyMs: 100 };
const caddy = dnsCaddy(t);
const bed = await startTestbed(1);
t.teardown(() => bed.remove());
const [host] = bed.hosts as [BedHost];
const pebble = await startPebble(host);
t.teardown(() => pebble.stop());
const provider = await startTxtApi({
  ...{ address: bed.names.gateway, token: TOKEN, zone: 'example.com' },
  onChange: (name, values) => pebble.text(name, values),
});
t.teardown(() => provider.stop());
const orca = await makeOrca({
  host,
  cluster: [
    'acme_email = "ops@example.com"',
    ...[pebble.toml, 'dns = "orcatest"', 'dns_names = ["*.corp.example.com"]'],
    `dns_resolvers = ["${provider.resolver}"]`,
    ...['[acme.dns_options]', `server = "${provider.server}"`, `token = "\${secrets.dns_token}"`],
  ].join('\n'),
});
t.teardown(() => orca.stop());
await orca.startServer();
const image = 'orca-e2e/acme-dns:1';
await nodeAppImage({ tag: image, env: { RELEASE: '1' }, docker: host.docker });
/** Of every process of the master, as they were seen while a record was shown. */
const argumentsSeen = new Set<string>();

t.test('without the module it is said what is missing, and nothing is ordered', async (t) => {
  await orca.deployed(serviceToml({ name: 'web', image, domain: '*.example.com' }));
  const seen = await failing('*.example.com', /no module/);
  t.match(seen, {
    ...{ source: 'orca', state: 'waiting', next_try_at: /^20/ },
    reason: /^the Caddy of the master's host \(\/.*caddy\) has no module dns\.providers\.orcatest$/,
    todo: /xcaddy build --with github\.com\/caddy-dns\/orcatest/,
  });
  t.equal((await orca.get('any.example.com')).status, 200, 'it is served with one of the cluster CA');
  t.match((await orca.run(['reload'])).stdout, /has no module dns\.providers\.orcatest/);
  t.equal(pebble.count(ORDER), 0);
});

t.test('a secret that is missing, and one that the provider refuses, cost one order at most', async (t) => {
  const file = join(orca.home, 'cluster.toml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('[acme]', `[acme]\ndns_caddy = "${caddy.path}"`));
  t.match((await orca.run(['reload'])).stdout, /needs the secret "dns_token", which is not set/);
  await failing('*.example.com', /needs the secret "dns_token"/);
  t.equal(pebble.count(ORDER), 0);
  await setToken('wrong-token-5d2a');
  await retry('*.example.com');
  const seen = await failing('*.example.com', /answers 401/);
  t.match(seen?.reason, /got no record of \*\.example\.com shown: .*the DNS API answers 401: no such token/);
  t.equal(pebble.count(ORDER), 1);
});

t.test('a wildcard is issued by the order that was begun, and its record is taken down', async (t) => {
  await setToken(TOKEN);
  t.match(
    (await orca.run(['reload'])).stdout,
    /has the module dns\.providers\.orcatest and takes its options/,
  );
  await retry('*.example.com');
  await issued('any.example.com');
  t.equal((await orca.get('any.example.com', '/', { ca: await pebble.root() })).status, 200);
  t.match(await certificate('*.example.com'), { source: 'acme', state: 'issued', reason: null });
  t.match(provider.calls, [
    /^append _acme-challenge\.example\.com /,
    /^delete _acme-challenge\.example\.com /,
  ]);
  t.same(provider.values('_acme-challenge.example.com'), []);
  t.equal(pebble.count(ORDER), 1);
});

t.test(
  'kill -9 of the master while a record is made: Caddy ends with it, and the order goes on',
  async (t) => {
    provider.hang();
    await orca.deployed(
      serviceToml(
        { name: 'web', image, domain: '*.example.com' },
        { name: 'db', image, domain: 'db.corp.example.com' },
      ),
    );
    await waitFor('Caddy to make it', () => challenges().length > 0 && running().length > 0, PATIENCE);
    await killHard(orca.pid('server'));
    await waitFor('Caddy to be gone', () => running().length === 0);
    provider.heal();
    await orca.startServer();
    await issued('db.corp.example.com');
    t.equal(pebble.count(ORDER), 2, 'one more');
    t.equal(pebble.count(ACCOUNT), 1);
    t.same(challenges(), [], 'and nothing of it is left');
  },
);

t.test('a wildcard is renewed by itself', async () => {
  await pebble.restart({ validitySecs: 12 });
  await orca.deployed(serviceToml({ name: 'brief', image, domain: '*.brief.example.com' }));
  const { serialNumber } = await issued('a.brief.example.com');
  await waitFor(
    'another',
    async () => {
      const next = await served('a.brief.example.com');
      return isPebble(next) && next.serialNumber !== serialNumber;
    },
    PATIENCE,
  );
});

t.test('the token is in no argument, no log, no status and no event', async (t) => {
  const { stdout: events } = await orca.run(['events', '--json']);
  const shown = [...argumentsSeen, orca.log(), JSON.stringify(await orca.status()), events].join('\n');
  t.match(shown, /certificate\.issued/);
  t.notMatch(shown, new RegExp(`${TOKEN}|wrong-token-5d2a`));
});

const challenges = (): string[] => {
  const folder = join(orca.home, 'dns-challenges');
  return existsSync(folder) ? readdirSync(folder) : [];
};

/** Caddies that show records, of this home; their arguments are remembered. */
function running() {
  const found = processesOf(join(orca.home, 'dns-challenges'));
  for (const { command } of found) argumentsSeen.add(command.join(' '));
  return found;
}

async function setToken(value: string): Promise<void> {
  const { code, stderr } = await orca.run(['secrets', 'set', 'dns_token'], { stdin: `${value}\n` });
  if (code !== 0) throw new Error(stderr);
}

async function retry(name: string): Promise<void> {
  const { code, stderr } = await orca.run(['certs', 'retry', name]);
  if (code !== 0) throw new Error(stderr);
}

async function failing(name: string, reason: RegExp) {
  return waitFor(
    `${name} to say ${reason}`,
    async () => {
      const found = await certificate(name);
      return reason.test(found?.reason ?? '') && found;
    },
    PATIENCE,
  );
}

/** Waits until it is served with a certificate of Pebble's. */
async function issued(name: string): Promise<PeerCertificate> {
  return waitFor(
    `a certificate of ${name}`,
    async () => {
      running();
      const found = await served(name);
      return isPebble(found) && found;
    },
    PATIENCE,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${pebble.log().slice(-2_000)}\n${orca.log()}`);
  });
}

const isPebble = ({ issuer }: PeerCertificate): boolean => /^Pebble/.test(String(issuer?.CN));

const served = (name: string): Promise<PeerCertificate> => servedCertificate(host.address, name);

async function certificate(name: string) {
  return (await orca.status()).certificates.find((one) => one.name === name);
}
