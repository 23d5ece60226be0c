/** Services behind another TLS proxy: served without TLS, with the proxies that are believed as cluster.toml says; and HSTS for others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import type { CertificatesReply } from '../../shared/api-certificates.js';
import { aCa, aCertificate } from '../support/a-certificate.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const PLAIN = 'plain.example.test';
const WEB = 'web.example.test';
const OTHER = 'other.example.test';
const image = 'orca-e2e/http-only:1';

const orca = await startOrca();
t.teardown(() => orca.stop());
await nodeAppImage({ tag: image, env: { RELEASE: '1' } });

/** By the HTTP port; never follows. */
function plain(host: string, path: string, more: Record<string, string> = {}) {
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const headers = { host, ...more };
      const to = { host: '127.0.0.1', port: orca.httpPort, path, headers, agent: false as const };
      const sent = request(to, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      sent.on('error', reject);
      sent.end();
    },
  );
}
const said = {
  'x-forwarded-for': '203.0.113.5',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'www.front',
};
const seen = async (): Promise<Record<string, string>> =>
  JSON.parse((await plain(PLAIN, '/headers', said)).body);
const toml = (http: string[], hsts: string[] = []): string =>
  serviceToml(
    { name: 'plain', image, domain: PLAIN, lines: http },
    { name: 'web', image, domain: WEB, lines: hsts },
  );
/** By the API, whose answer comes when it is done: a command takes a while to end. */
const changed = async (change: object): Promise<void> => {
  const readiness = { path: '/health', interval_secs: 0.2, timeout_secs: 2 };
  const services = [{ name: 'web', image, port: 8080, readiness, ...change }];
  const { status, body } = await orca.api('POST', '/deploy?wait=1m', { services });
  if (status !== 200) throw new Error(body);
};
const maintained = async (on: boolean): Promise<void> => {
  const { status, body } = await orca.api('POST', '/services/web/maintenance', { on });
  if (status !== 200) throw new Error(body);
};
const asked = async (host: string, path = '/') =>
  (await orca.get(host, path, { rejectUnauthorized: false })).status;
const containers = async () =>
  (await orca.service('web')).allocations.map(({ id, restarts }) => `${id} ${restarts}`);
const names = async () =>
  (await orca.run(['certs', '--json'])).json<CertificatesReply>().certificates.map(({ name }) => name);

t.test('a service without TLS is served on the HTTP port, and has no certificate', async (t) => {
  await orca.deployed(toml(['http_only = true']));
  t.match(await plain(PLAIN, '/'), { status: 200, headers: { 'x-release': '1' } });
  t.equal((await orca.get(PLAIN, '/', { rejectUnauthorized: false })).status, 404);
  t.equal((await plain(WEB, '/')).status, 308, 'the other one as before');
  t.same(await names(), [WEB]);
  t.match(await orca.service('plain'), { url: `http://${PLAIN}:${orca.httpPort}/`, status: 'running' });
});

t.test('only proxies that cluster.toml names are believed, from `orca reload` on', async (t) => {
  t.match(await seen(), {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': PLAIN,
  });
  const file = join(orca.home, 'cluster.toml');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, `${before}trusted_proxies = ["127.0.0.1", "proxy.example.com"]\n`);
  const refused = await orca.run(['reload']);
  t.equal(refused.code, 2);
  t.match(
    refused.stderr,
    /cluster\.toml:\d+:\d+: proxy\.trusted_proxies\[1\]: must be an IP address or a range/,
  );
  t.equal((await seen())['x-forwarded-proto'], 'http');
  writeFileSync(file, `${before}trusted_proxies = ["127.0.0.0/8"]\n`);
  t.equal((await orca.run(['reload'])).code, 0);
  await waitFor('it to be believed', async () => (await seen())['x-forwarded-proto'] === 'https');
  t.match(await seen(), {
    'x-forwarded-for': '203.0.113.5, 127.0.0.1',
    'x-forwarded-host': 'www.front',
  });
  writeFileSync(file, before);
  t.equal((await orca.run(['reload'])).code, 0);
  await waitFor('it to be believed no more', async () => (await seen())['x-forwarded-proto'] === 'http');
});

t.test('HSTS begins with a certificate that is not of the cluster’s own CA', async (t) => {
  await orca.deployed(toml(['http_only = true'], ['hsts = true']));
  const hsts = async () => {
    const { headers } = await orca.get(WEB, '/', { rejectUnauthorized: false });
    return headers['strict-transport-security'];
  };
  t.equal(await hsts(), undefined);
  const { cert, key } = aCertificate([WEB], { ca: aCa() });
  orca.write('web.pem', cert);
  writeFileSync(join(orca.folder, 'web.key'), key, { mode: 0o600 });
  const add = ['certs', 'add', WEB, '--cert', 'web.pem', '--key', 'web.key'];
  t.equal((await orca.run(add)).code, 0);
  t.equal(await waitFor('the header', hsts), 'max-age=31536000');
  t.equal((await orca.run(['certs', 'rm', WEB])).code, 0);
  await waitFor('its end', async () => (await hsts()) === undefined);
});

t.test('it is served with TLS again, and services that share a name agree', async (t) => {
  const clash = await orca.deploy(
    serviceToml({ name: 'second', image, domain: PLAIN, lines: ['routes = ["/second/*"]'] }),
  );
  t.equal(clash.code, 2);
  t.match(clash.stderr, /plain\.example\.test is served without TLS for "default\/plain"/);
  await orca.deployed(toml([]));
  t.equal((await orca.get(PLAIN, '/')).status, 200);
  t.equal((await plain(PLAIN, '/')).status, 308, 'the redirect');
  t.same(await names(), [PLAIN, WEB]);
});

t.test('a change in place is what clients get at the moment at which it is said to be done', async (t) => {
  const before = await containers();
  for (let turn = 0; turn < 6; turn += 1) {
    const [next, last] = turn % 2 === 0 ? [OTHER, WEB] : [WEB, OTHER];
    await changed({ domain: next });
    t.same([await asked(next), await asked(last)], [200, 404], `its domain, turn ${turn}`);
    await changed({ domain: next, routes: ['/headers'] });
    t.same([await asked(next, '/headers'), await asked(next)], [200, 404], `its paths, turn ${turn}`);
    await maintained(true);
    t.equal(await asked(next, '/headers'), 503, `maintenance, turn ${turn}`);
    await maintained(false);
    t.equal(await asked(next, '/headers'), 200, `its end, turn ${turn}`);
  }
  t.same(await containers(), before, 'no container was made for any of it');
});

t.test('while Caddy does not take a change up it is not done, and says what it waits for', async (t) => {
  const caddy = orca.pid('caddy');
  process.kill(caddy, 'SIGSTOP');
  t.teardown(() => process.kill(caddy, 'SIGCONT'));
  const done = changed({ domain: OTHER });
  const { rollout } = await orca.serviceThat('web', 'waits for its ingress', ({ rollout }) =>
    /the ingress on \S+ has not loaded its routes yet/.test(rollout?.reason ?? ''),
  );
  t.equal(rollout?.state, 'rolling');
  process.kill(caddy, 'SIGCONT');
  await done;
  t.same([await asked(OTHER), await asked(WEB)], [200, 404]);
});
