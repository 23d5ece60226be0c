/** Credentials for a real registry that expire: a URL gives them, they are fetched anew for each deploy, and one that can't be had changes nothing. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { aCertificate } from '../support/a-certificate.js';
import { dockerJson, testDocker } from '../support/docker.js';
import { busyboxImage, removeImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { registryHash, registryPassword, registryUser, startRegistry } from '../support/real-registry.js';
import { foundBelow } from '../support/search-bytes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

/** What is given out, in this order, each with its bcrypt. */
const KEYS = [
  ['the first key', '$2b$04$bYTPnec9r/rorQV0zaW0XOQaBSjpRg.yBVSykMNOiqHdamssq5VDS'],
  ['the second key', '$2b$04$2MAA8ygQxleQVgC8aPUJp.iu/kbCiuZ4VidbIcKDPT3bavBUz/3AS'],
  ['the third key', '$2b$04$/TfKX5EQiPbeGbhPjcKiOOGqoEKiqENWLuh1d1Svy7WVpJrYlfBjS'],
  ['the fourth key', '$2b$04$TZD5joM274nDk8Xr1VJtU.u0EZ9N9HUxOSeMLljOmh.BTiQ3XW.4G'],
  ['the fifth key', '$2b$04$tMb4EZclv2YLGAXPJsgUJuhiD6Xu5C8kTmRxhDtaHOPamWM2vagOq'],
  ['the sixth key', '$2b$04$dhEnsCA9x0d58ht1tScrmeA/rkMsE4i.Q55/fyCgcy/mj9Q4SsHqe'],
] as const;
const BEARER = 'a-bearer-of-the-tests';
const QUERY = 'a-query-of-the-tests';

const folder = mkdtempSync('/tmp/orca-credentials-');
interface Bridge {
  IPAM: { Config: { Gateway: string }[] };
}
// On the loopback Docker would speak in the clear where it is refused.
const bridge = await dockerJson<Bridge>('GET', '/networks/bridge');
const registry = await startRegistry(bridge.IPAM.Config[0]?.Gateway ?? '');
const pair = aCertificate(['localhost']);
writeFileSync(join(folder, 'ca.pem'), pair.cert);
/** How many were given, and whether any more are; each ends the one before. */
const giving = { count: 0, isOpen: true };
const giver = createServer(pair, (request, response) => {
  const isAllowed =
    request.headers.authorization === `Bearer ${BEARER}` && request.url === `/token?key=${QUERY}`;
  const [key, hash] = KEYS[giving.count] ?? [];
  if (!isAllowed || !giving.isOpen || key === undefined || hash === undefined)
    return void response.writeHead(isAllowed ? 503 : 403).end();
  giving.count += 1;
  registry.passwordIs(hash);
  return void response.end(JSON.stringify({ access_token: key, expires_in: 60 }));
});
await new Promise<void>((resolve) => giver.listen(0, '127.0.0.1', resolve));
const orca = await startOrca({ env: { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') } });
const image = `${registry.host}/team/app:1`;
t.teardown(async () => {
  await orca.stop();
  await removeImage(image);
  giver.closeAllConnections();
  giver.close();
  await registry.stop();
  rmSync(folder, { recursive: true });
});

/** By a user of the registry who has nothing to do with Orca. */
async function publish(release: string): Promise<string> {
  registry.passwordIs(registryHash);
  const id = await busyboxImage({ tag: image, env: { RELEASE: release } });
  const docker = (...args: string[]): string =>
    execFileSync('docker', ['--host', testDocker(), '--config', folder, ...args], {
      input: registryPassword,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  docker('login', '--username', registryUser, '--password-stdin', registry.host);
  docker('push', image);
  docker('logout', registry.host);
  return id;
}

const file = serviceToml({
  ...{ name: 'app', image, port: null, lines: ['pull = "always"'] },
  readiness: ['command = ["/bin/echo"]', 'interval_secs = 0.2'],
  deploy: ['stop_grace_secs = 0.2'],
});
const { port } = giver.address() as AddressInfo;
const login = (bearer: string) =>
  orca.run(
    [
      ...['registry', 'login', registry.host, '--username', registryUser, '--bearer'],
      ...['--token-url', `https://localhost:${port}/token?key=${QUERY}`],
    ],
    { stdin: `${bearer}\n` },
  );
/** The image of the one container, once what it took the place of has ended. */
const runs = (): Promise<string> =>
  waitFor('one container to run', async () => {
    const all = (await orca.containers()).filter(({ State }) => State === 'running');
    return all.length === 1 && (all[0]?.ImageID ?? false);
  });
const words = (result: { stdout: string; stderr: string }): string => result.stdout + result.stderr;

t.test('what the URL gives opens the registry, anew for each deploy', async (t) => {
  const first = await publish('one');
  const locked = await orca.deploy(file);
  t.equal(locked.code, 1);
  t.match(words(locked), /orca registry login/);
  t.equal((await login(BEARER)).code, 0);
  await orca.deployed(file);
  t.equal(await runs(), first);
  for (const release of ['two', 'three']) {
    const before = giving.count;
    const next = await publish(release);
    const { code, ...said } = await orca.run(['redeploy', 'app']);
    t.equal(code, 0, words(said));
    t.ok(giving.count > before, 'it was asked anew');
    t.equal(await runs(), next, 'though what was given before is worth nothing any more');
  }
});

t.test(
  'where it gives nothing the deploy says so, what runs goes on, and the next deploy asks again',
  async (t) => {
    const before = await runs();
    giving.isOpen = false;
    const closed = await orca.run(['redeploy', 'app']);
    t.equal(closed.code, 1);
    t.match(words(closed), /could not be fetched: localhost:\d+ answered 503/);
    t.equal(await runs(), before);
    giving.isOpen = true;
    const { code, ...said } = await orca.run(['redeploy', 'app']);
    t.equal(code, 0, words(said));
    t.equal((await login('another bearer')).code, 0);
    const refused = await orca.run(['redeploy', 'app']);
    t.equal(refused.code, 1);
    t.match(words(refused), /answered 403; is what it is asked with \(--bearer\) still good\?/);
  },
);

t.test('what is secret of it is in no file, no log and no list', async (t) => {
  const list = await orca.run(['registry', 'list']);
  t.match(list.stdout, /https:\/\/localhost:\d+\/token\?…/);
  const secrets = [BEARER, QUERY, ...KEYS.map(([key]) => key)];
  t.same(foundBelow(orca.home, secrets), []);
  const seen = list.stdout + orca.log() + (await orca.run(['events', '--json'])).stdout;
  for (const secret of secrets) t.notMatch(seen, secret);
});
