/** Records by a module of a Caddy: the stand-in, or the one that `ORCA_TEST_DNS_CADDY` names; and what the Caddy of the suite takes without one. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startCaddy } from '../../master/acme/caddy-process.js';
import { createDns, type Dns } from '../../master/acme/dns.js';
import { dnsConfig } from '../../master/acme/dns-config.js';
import { startGoBetween } from '../../master/acme/go-between.js';
import type { DnsSettings } from '../../master/acme/order.js';
import { newKey } from '../../master/control/acme-store.js';
import { findCaddy } from '../../shared/caddy-binary.js';
import { aProgram, dnsCaddy, standInCaddy } from '../support/dns-caddy.js';
import { startTxtApi } from '../support/txt-api.js';
import { waitFor } from '../support/wait-for.js';

const TOKEN = 'a-token-of-the-provider';
const caddy = dnsCaddy(t);
const api = await startTxtApi({ address: '127.0.0.1', token: TOKEN, zone: 'example.com' });
t.teardown(() => api.stop());
const home = t.testdir();
const folder = join(home, 'dns-challenges');
const left: string[] = [];

const settings = (more: Partial<DnsSettings> = {}): DnsSettings => ({
  ...{ module: 'orcatest', names: [], caddy: caddy.path, resolvers: [api.resolver] },
  options: { server: api.server, token: `\${secrets.dns_token}` },
  ...{ propagationTimeoutMs: 20_000, propagationDelayMs: 0 },
  ...more,
});

function aDns(token: string | null = TOKEN): Dns {
  const secret = (name: string): string | null => (name === 'dns_token' ? token : null);
  const onLeft = (name: string, why: string) => void left.push(`${name}: ${why}`);
  const dns = createDns({ folder, env: process.env, secret, onLeft });
  t.teardown(() => dns.stop());
  return dns;
}

const record = { name: '*.example.com', token: 'of-the-ca', accountKeyPem: newKey() };
const RECORD = '_acme-challenge.example.com';

t.test(
  'a record is shown until it is taken down, and nothing of it is left',
  { timeout: 60_000 },
  async (t) => {
    const dns = aDns();
    t.equal(await dns.check(settings()), caddy.path);
    const shown = await dns.show(record, settings());
    t.equal(api.values(RECORD).length, 1);
    await shown.remove();
    t.same(api.values(RECORD), []);
    t.same(readdirSync(folder), []);
    t.same(left, []);
  },
);

t.test(
  'a provider that refuses: its own words, without the secret, and the order may go on',
  { timeout: 60_000 },
  async (t) => {
    const error = await aDns('wrong-token')
      .show(record, settings())
      .then(
        () => null,
        (why: Error & { isGone: boolean; todo: string }) => why,
      );
    t.match(
      error?.message,
      /^dns\.providers\.orcatest got no record of \*\.example\.com shown: .*the DNS API answers 401/,
    );
    t.match(error?.message, /no such token: Bearer \$\{secrets\.dns_token\}/);
    t.notMatch(error?.message, /wrong-token|127\.0\.0\.1:\d+\/\w{32}/);
    t.match(error, { isGone: true, todo: /orca reload/ });
    t.same(readdirSync(folder), []);
  },
);

t.test('what can not work is said before anything is ordered', { timeout: 60_000 }, async (t) => {
  const dns = aDns();
  await t.rejects(dns.check(settings({ options: {} })), {
    message: `${caddy.path} refuses the options of dns.providers.orcatest: orcatest needs a server`,
  });
  await t.rejects(dns.check(settings({ module: 'cloudflare' })), {
    message: `the Caddy of the master's host (${caddy.path}) has no module dns.providers.cloudflare`,
    todo: /xcaddy build --with github\.com\/caddy-dns\/cloudflare.*dns_caddy/,
  });
  await t.rejects(dns.check(settings({ caddy: '/nowhere/caddy' })), {
    message: /no Caddy at \/nowhere\/caddy/,
  });
  await t.rejects(dns.check(settings({ caddy: aProgram(home, 'mute', 'exit 1') })), {
    message: /does not say which modules it has/,
  });
  await t.rejects(aDns(null).check(settings()), { message: /needs the secret "dns_token"/ });
});

t.test('one that ends, and one that hangs, are told with its last words', { timeout: 60_000 }, async (t) => {
  const list = '[ "$1" = list-modules ] && { echo http; echo dns.providers.orcatest; exit; }';
  const ends = aProgram(home, 'ends', `${list}\necho 'panic: out of memory' >&2; exit 2`);
  await t.rejects(aDns().show(record, settings({ caddy: ends })), {
    message: /shown: Caddy ended: panic: out of memory/,
  });
  const hangs = aProgram(home, 'hangs', `${list}\necho 'still thinking' >&2; exec sleep 300`);
  const dns = createDns({
    folder,
    env: process.env,
    secret: () => TOKEN,
    onLeft: () => undefined,
    providerMs: 300,
  });
  await t.rejects(dns.show(record, settings({ caddy: hangs, propagationTimeoutMs: null })), {
    message: /nothing came of it within 0\.3 s; Caddy's last words: still thinking/,
  });
  t.same(readdirSync(folder), []);
});

t.test(
  'a record that can not be taken down is told, and holds up nothing for long',
  { timeout: 60_000 },
  async (t) => {
    const stand = standInCaddy(t);
    const onLeft = (name: string, why: string) => void left.push(`${name}: ${why}`);
    const dns = createDns({ folder, env: process.env, secret: () => TOKEN, onLeft, providerMs: 1_000 });
    const shown = await dns.show(record, settings({ caddy: stand }));
    api.hang();
    t.teardown(() => api.heal());
    await shown.remove();
    t.match(left, [/^\*\.example\.com: nothing came of it within 1 s/]);
  },
);

t.test(
  'a record that was left is taken down, and one that can not be is told',
  { timeout: 60_000 },
  async (t) => {
    left.length = 0;
    const dns = aDns();
    await dns.takeDown(record, settings());
    t.match(api.calls.slice(-2), [/^append _acme-challenge/, /^delete _acme-challenge/]);
    t.same(api.values(RECORD), []);
    t.same(left, []);
    await dns.takeDown(record, settings({ module: 'gone' }));
    t.match(left, [/^\*\.example\.com: .*has no module dns\.providers\.gone/]);
  },
);

t.test('all of them end when the master does', { timeout: 60_000 }, async (t) => {
  const dns = aDns();
  const trying = dns.show(record, settings());
  await waitFor('it to run', () => existsSync(folder) && readdirSync(folder).length > 0);
  dns.stop();
  await t.rejects(trying, { message: /Caddy ended/ });
  t.same(readdirSync(folder), []);
});

/** Debian's, or the one that `ORCA_TEST_CADDY` names: neither has a module. */
const plain = findCaddy(process.env.ORCA_TEST_CADDY ?? 'auto', process.env);

t.test(
  'Caddy takes all of the configuration but the module, which it misses',
  { timeout: 60_000 },
  async (t) => {
    const config = dnsConfig({
      ...{ name: '*.example.com', directory: 'https://127.0.0.1/', accountKeyPem: newKey(), storage: home },
      ...{ dns: settings({ propagationDelayMs: 1_000 }), options: { token: 't' } },
    });
    const own = join(home, 'validated');
    const { ended } = startCaddy({
      binary: plain,
      verb: 'validate',
      config,
      folder: own,
      env: process.env,
      hide: String,
    });
    const { code, lastWords } = await ended;
    t.not(code, 0);
    t.match(lastWords, /unknown module: dns\.providers\.orcatest/);
  },
);

t.test(
  "Caddy's own client orders of the go-between, and says why it has no record",
  { timeout: 60_000 },
  async (t) => {
    const between = await startGoBetween({ name: '*.example.com', token: 'of-the-ca' });
    t.teardown(() => between.close());
    const own = join(home, 'ordered');
    const { directory } = between;
    const of = { name: '*.example.com', directory, accountKeyPem: record.accountKeyPem, storage: own };
    const text = JSON.stringify(dnsConfig({ ...of, dns: settings(), options: {} }));
    // Without the module there is nothing that it could solve.
    const config = JSON.parse(text, (key, value) => (key === 'dns' ? undefined : value)) as object;
    const caddy = startCaddy({
      binary: plain,
      verb: 'run',
      config,
      folder: own,
      env: process.env,
      hide: String,
    });
    const words = await Promise.race([
      caddy.failed,
      caddy.ended.then(({ lastWords }) => `ended: ${lastWords}`),
    ]);
    t.match(words, /no solvers available for remaining challenges.*dns-01/);
    t.notMatch(words, /127\.0\.0\.1/);
    caddy.end();
    await caddy.ended;
    t.notOk(existsSync(own), 'with the account key that it had stored');
  },
);
