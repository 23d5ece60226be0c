/**
 * ACME with more than one ingress: ACME is switched on by a reload; a challenge is answered wherever the name points; what was
 * issued is served by every ingress, also by one that comes later, without another order.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startCluster } from '../support/cluster.js';
import { ORDER, startPebble } from '../support/pebble.js';
import { servedCertificate } from '../support/served-certificate.js';
import { serviceToml } from '../support/service-toml.js';
import type { BedHost } from '../support/testbed.js';
import { waitFor } from '../support/wait-for.js';

t.setTimeout(300_000);
const cluster = await startCluster(3);
t.teardown(() => cluster.stop());
const { orca, bed } = cluster;
const [first, second, third] = bed.hosts as [BedHost, BedHost, BedHost];
const pebble = await startPebble(first);
t.teardown(() => pebble.stop());
const image = 'orca-e2e/acme-cluster:1';
await cluster.loadApp({ a: image });

t.test('a reload switches it on', async (t) => {
  const file = join(orca.home, 'cluster.toml');
  const before = readFileSync(file, 'utf8');
  const withEmail = before.replace('[cluster]', '[cluster]\nacme_email = "ops@example.com"');
  writeFileSync(file, `${withEmail}\n${pebble.toml}\n`);
  t.match(await orca.run(['reload']), { code: 0 });
});

t.test('the challenge is answered by the ingress that the name points to, whichever it is', async (t) => {
  t.equal((await orca.run(['nodes', 'role', 'h2', 'ingress'])).code, 0);
  await served('h2');
  await pebble.point('two.example.com', second.address);
  await pebble.point('both.example.com', first.address, second.address);
  await orca.deployed(
    serviceToml(
      { name: 'two', image, domain: 'two.example.com' },
      { name: 'both', image, domain: 'both.example.com' },
    ),
  );
  for (const name of ['two.example.com', 'both.example.com'])
    for (const host of [first, second]) await issued(name, host);
  t.equal(pebble.count(ORDER), 2);
});

t.test('a new ingress serves all of them, and nothing is ordered for it', async (t) => {
  t.equal((await orca.run(['nodes', 'role', 'h3', 'ingress'])).code, 0);
  await served('h3');
  for (const name of ['two.example.com', 'both.example.com']) await issued(name, third);
  t.equal(pebble.count(ORDER), 2);
});

t.test('an ingress that is cut off costs the name that points to it a try, and says so', async (t) => {
  second.cut();
  t.teardown(() => second.heal());
  await pebble.point('cut.example.com', first.address, second.address);
  await orca.deployed(serviceToml({ name: 'cut', image, domain: 'cut.example.com' }));
  const found = await waitFor(
    'it to be tried',
    async () => {
      const one = (await orca.status()).certificates.find(({ name }) => name === 'cut.example.com');
      return one !== undefined && one.state === 'waiting' && one;
    },
    { timeoutMs: 90_000 },
  );
  const address = second.address.replaceAll('.', '\\.');
  t.match(
    found.reason,
    new RegExp(
      `cut.example.com points to ${address}, an ingress of this cluster, where it does not answer on port 80`,
    ),
  );
  t.equal(pebble.count(ORDER), 2);
});

const served = (name: string) =>
  cluster.nodeThat(
    name,
    'to serve',
    ({ state, ingress, caddy }) => state === 'ready' && ingress && caddy !== null,
  );

const issued = (name: string, { address }: BedHost) =>
  waitFor(`a certificate of ${name} at ${address}`, async () =>
    /^Pebble/.test((await servedCertificate(address, name).catch(() => null))?.issuer.CN?.toString() ?? ''),
  );
