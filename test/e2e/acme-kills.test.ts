/**
 * Whatever is killed in the middle of an order or a renewal, it ends issued, by one account; what a restore brings back is served without
 * another order; an account that its CA takes no more is said so; and no secret is ever in an argument. With Pebble, which counts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import acme from 'acme-client';
import t from 'tap';
import { openAuthority } from '../../master/authority.js';
import { bindOfAccount } from '../../master/control/acme-store.js';
import { openStore } from '../../master/store/store.js';
import { aCa, aCertificate } from '../support/a-certificate.js';
import { nodeAppImage } from '../support/images.js';
import { makeOrca } from '../support/orca.js';
import { ACCOUNT, ORDER, startPebble } from '../support/pebble.js';
import { killHard, processesOf } from '../support/processes.js';
import { servedCertificate } from '../support/served-certificate.js';
import { serviceToml } from '../support/service-toml.js';
import { type BedHost, startTestbed } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

const SLOW = { PEBBLE_VA_NOSLEEP: '', PEBBLE_VA_SLEEPTIME: '5' };
const VICTIMS = ['server', 'agent', 'caddy'] as const;
/** More than a name waits that failed once, since its CA looked while nothing listened. */
const PATIENCE = { timeoutMs: 120_000, everyMs: 100 };

const bed = await startTestbed(1);
t.teardown(() => bed.remove());
const [host] = bed.hosts as [BedHost];
const pebble = await startPebble(host, { env: SLOW });
t.teardown(() => pebble.stop());
const orca = await makeOrca({ host, cluster: `acme_email = "ops@example.com"\n${pebble.toml}` });
t.teardown(() => orca.stop());
await orca.startServer();
const image = 'orca-e2e/acme-kills:1';
await nodeAppImage({ tag: image, env: { RELEASE: '1' }, docker: host.docker });
const argumentsSeen = new Set<string>();

for (const victim of VICTIMS)
  t.test(`kill -9 of ${victim} in the middle of an order`, { timeout: 240_000 }, async (t) => {
    const before = pebble.count(ORDER);
    const name = `${victim}.example.com`;
    await pebble.point(name, host.address);
    await orca.deployed(serviceToml({ name: victim, image, domain: name }));
    await begun(before);
    await kill(victim);
    await issued(name);
    t.equal(pebble.count(ACCOUNT), 1);
    // A CA that looks while no Caddy listens refuses the order for good.
    const most = victim === 'caddy' ? 2 : 1;
    t.ok(pebble.count(ORDER) - before <= most, `${pebble.count(ORDER) - before} orders`);
  });

t.test('kill -9 of each in the middle of a renewal', { timeout: 400_000 }, async (t) => {
  await pebble.restart({ env: SLOW, validitySecs: 60 });
  await pebble.point('brief.example.com', host.address);
  await orca.deployed(serviceToml({ name: 'brief', image, domain: 'brief.example.com' }));
  let serial = (await issued('brief.example.com')).serialNumber;
  for (const victim of VICTIMS) {
    await begun(pebble.count(ORDER));
    await kill(victim);
    const next = await waitFor(
      `another certificate after ${victim} was killed`,
      async () => {
        const found = await served('brief.example.com').catch(() => null);
        return found && found.serialNumber !== serial && /^Pebble/.test(String(found.issuer?.CN)) && found;
      },
      PATIENCE,
    );
    serial = next.serialNumber;
  }
  t.equal(pebble.count(ACCOUNT), 1);
  await orca.deployed(serviceToml({ name: 'brief', image, domain: 'brief.internal' }));
});

t.test('a backup that is restored serves what was issued and uploaded, with no other order', async (t) => {
  await pebble.restart();
  await pebble.point('kept.example.com', host.address);
  const own = aCertificate(['mine.example.com'], { ca: aCa() });
  orca.write('mine.pem', own.cert);
  writeFileSync(join(orca.folder, 'mine.key'), own.key, { mode: 0o600 });
  const add = ['certs', 'add', 'mine.example.com', '--cert', 'mine.pem', '--key', 'mine.key'];
  t.equal((await orca.run(add)).code, 0);
  await orca.deployed(
    serviceToml(
      { name: 'kept', image, domain: 'kept.example.com' },
      { name: 'mine', image, domain: 'mine.example.com' },
    ),
  );
  const names = ['kept.example.com', 'mine.example.com'] as const;
  await issued(names[0]);
  await waitFor('the upload', async () => (await served(names[1])).issuer?.CN === 'Somebody CA');
  const before = await Promise.all(names.map(async (name) => (await served(name)).serialNumber));
  const file = join(orca.folder, 'backup.tar');
  t.equal((await orca.run(['backup', file])).code, 0);
  const orders = pebble.count(ORDER);
  await orca.stopServer();
  const restored = await orca.run(['restore', file, '--force']);
  t.equal(restored.code, 0, restored.stderr);
  await orca.startServer();
  for (const which of ['agent', 'caddy'] as const) await kill(which);
  await waitFor(
    'both to be served again',
    async () => {
      const now = await Promise.all(names.map((name) => served(name).catch(() => null)));
      return now.every((found, i) => found?.serialNumber === before[i]);
    },
    PATIENCE,
  );
  await waitFor('the names to be looked after', async () => {
    const views = await certificates();
    return names.every((name) => views.find((one) => one.name === name)?.state === 'issued');
  });
  t.equal(pebble.count(ORDER), orders);
});

t.test(
  'an account that is deactivated is said so, and another one goes on',
  { timeout: 180_000 },
  async (t) => {
    await orca.stopServer();
    const key = accountKey();
    // The library that the master orders with, in the hands of the account's owner.
    const { axios } = acme;
    axios.defaults.httpsAgent = new Agent({ ca: readFileSync(pebble.rootsFile) });
    const owner = new acme.Client({ directoryUrl: pebble.directory, accountKey: key });
    await owner.createAccount({ onlyReturnExisting: true } as never);
    await owner.updateAccount({ status: 'deactivated' } as never);
    await orca.startServer();
    await pebble.point('late.example.com', host.address);
    await orca.deployed(serviceToml({ name: 'late', image, domain: 'late.example.com' }));
    const seen = await waitFor('its reason', async () => {
      const found = (await certificates()).find(({ name }) => name === 'late.example.com');
      return found?.reason && found.state === 'waiting' && found;
    });
    t.match(seen, {
      reason: /takes the account of ops@example\.com no more \(unauthorized\): /,
      todo: /Another acme_email .* `orca certs retry NAME`/,
    });
    const toml = join(orca.home, 'cluster.toml');
    writeFileSync(toml, readFileSync(toml, 'utf8').replace('ops@example.com', 'others@example.com'));
    t.equal((await orca.run(['reload'])).code, 0);
    const retried = await orca.run(['certs', 'retry', 'late.example.com']);
    t.match(retried, { code: 0, stdout: /late\.example\.com is tried now/ });
    await issued('late.example.com');
    t.match(await orca.run(['certs', 'retry', 'late.example.com']), { code: 1, stderr: /waits for nothing/ });
  },
);

t.test('no secret was in an argument of any process', async (t) => {
  await orca.stopServer();
  const lines = accountKey().split('\n').slice(1, -2);
  t.ok(argumentsSeen.size >= 4 && lines.length > 0);
  const all = [...argumentsSeen].join('\n');
  t.ok(lines.every((line) => !all.includes(line)));
  t.notMatch(all, /PRIVATE KEY/);
  t.notMatch(all, readFileSync(join(orca.home, 'cluster.token'), 'utf8').trim());
});

/** Waits until Pebble has another order than it had; meanwhile every argument is noted. */
async function begun(before: number): Promise<void> {
  await waitFor(
    'an order',
    () => {
      noteArguments();
      return pebble.count(ORDER) > before;
    },
    { timeoutMs: 90_000, everyMs: 10 },
  );
}

function noteArguments(): void {
  for (const { command } of processesOf(orca.home)) argumentsSeen.add(command.join(' '));
}

/** The master is started again by hand, the others by who looks after them. */
async function kill(victim: (typeof VICTIMS)[number]): Promise<void> {
  await killHard(orca.pid(victim));
  if (victim === 'server') await orca.startServer();
  await waitFor(`another ${victim}`, () => {
    try {
      return orca.pid(victim) > 0;
    } catch {
      return false;
    }
  });
}

function accountKey(): string {
  const store = openStore(join(orca.home, 'cluster.db'));
  try {
    const account = store.meta(`acme-account|${pebble.directory}|ops@example.com`) as { sealedKey: string };
    return openAuthority(orca.home, Date.now()).unseal(
      account.sealedKey,
      bindOfAccount({ directory: pebble.directory, email: 'ops@example.com' }),
    );
  } finally {
    store.close();
  }
}

async function issued(name: string) {
  return waitFor(
    `a certificate of ${name}`,
    async () => {
      noteArguments();
      const found = await served(name).catch(() => null);
      return found && /^Pebble/.test(String(found.issuer?.CN)) && found;
    },
    PATIENCE,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${pebble.log().slice(-2_000)}\n${orca.log()}`);
  });
}

const served = (name: string) => servedCertificate(host.address, name);

const certificates = async () => (await orca.status()).certificates;
