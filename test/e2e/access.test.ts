/** Tokens and the audit trail as users have them: another machine, a deployer of one project, guesses, kills and a store that was tampered with. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openEnvironment } from '../../master/store/database.js';
import { openTables, padded } from '../../master/store/tables.js';
import type { ApiEvent, StatusReply } from '../../shared/api.js';
import type { AuditReply, AuditVerdict } from '../../shared/api-audit.js';
import type { TokenCreated, TokensReply } from '../../shared/api-tokens.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca();
t.teardown(() => orca.stop());
const image = 'orca-e2e/access:v1';
await nodeAppImage({ tag: image, env: { RELEASE: 'v1' } });

/** A user on another machine, who has no home of a server. */
const user = join(orca.folder, 'user');
mkdirSync(user);
const elsewhere = { HOME: user, XDG_CONFIG_HOME: '', ORCA_HOME: join(user, 'none') };
const asUser = (args: string[], stdin = '') => orca.run(args, { env: elsewhere, stdin });
const url = `https://127.0.0.1:${orca.apiPort}`;
const make = async (...args: string[]) =>
  (await orca.run(['token', 'create', ...args, '--json'])).json<TokenCreated>();
const verify = async (...args: string[]) => {
  const { code, stdout } = await orca.run(['audit', '--verify', ...args, '--json']);
  return { code, verdict: JSON.parse(stdout) as AuditVerdict };
};

t.test(
  'a deployer of one project logs in from elsewhere, deploys there and is refused the rest',
  async (t) => {
    const made = await orca.run([
      'token',
      'create',
      '--name',
      'ci',
      '--role',
      'deployer',
      '--project',
      'shop',
      '--ttl',
      '1d',
    ]);
    t.equal(made.code, 0, made.stderr);
    t.match(made.stderr, /orca login https:\/\/MASTER:\d+ --fingerprint [0-9a-f]{64}/);
    t.equal((await asUser(['status'])).code, 3, 'nobody is logged in');
    const bare = made.stdout.replace(/\..*/, '');
    t.match(await asUser(['login', url], bare), {
      code: 4,
      stderr: /Nobody is there to be asked: pass --fingerprint/,
    });
    t.match(await asUser(['login', url, '--fingerprint', 'ab'.repeat(32)], bare), {
      code: 4,
      stderr: /should have the fingerprint/,
    });
    const logged = await asUser(['login', url], made.stdout);
    t.match(logged, { code: 0, stdout: /as ci, deployer of shop/ }, logged.stderr);
    t.equal(statSync(join(user, '.config/orca/login.json')).mode & 0o777, 0o600);

    orca.write('services/shop/service.toml', serviceToml({ name: 'web', image, domain: 'web.localhost' }));
    const deployed = await asUser(['deploy']);
    t.equal(deployed.code, 0, `${deployed.stdout}${deployed.stderr}`);
    t.equal((await orca.get('web.localhost')).status, 200);
    orca.write('services/blog/service.toml', serviceToml({ name: 'blog', image, domain: 'blog.localhost' }));
    t.equal((await orca.run(['deploy', 'blog'])).code, 0);
    t.same(
      (await asUser(['status', '--json'])).json<StatusReply>().services.map(({ name }) => name),
      ['web'],
    );
    for (const args of [
      ['deploy', 'blog'],
      ['scale', 'blog', '2'],
      ['logs', 'blog'],
      ['nodes', 'cordon', (await orca.status()).nodes[0]?.name ?? ''],
      ['secrets', 'set', 'k', 'v'],
      ['reload'],
      ['token', 'list'],
      ['audit'],
    ]) {
      const { code, stderr, stdout } = await asUser(args);
      t.equal(code, 4, `${args.join(' ')}: ${stdout}${stderr}`);
      t.match(`${stdout}${stderr}`, /the token "ci" is/, args.join(' '));
    }
    t.match(await asUser(['secrets', 'set', 'k', '--project', 'shop'], 'hush'), { code: 0 });
    t.equal((await asUser(['scale', 'web', '2'])).code, 0);
  },
);

t.test('revoking it cuts what it follows, and logging out forgets it', async (t) => {
  const { token } = await make('--name', 'follower', '--role', 'viewer', '--project', 'shop');
  const following = orca.spawn(['logs', 'web', '-f', '--token', token]);
  let [out, err] = ['', ''];
  following.stdout?.on('data', (chunk) => (out += chunk));
  following.stderr?.on('data', (chunk) => (err += chunk));
  await waitFor('lines', () => out.includes('listening'));
  const ended = once(following, 'close');
  t.equal((await orca.run(['token', 'revoke', 'follower'])).code, 0);
  t.same(await ended, [4, null]);
  t.match(err, /the token "follower" was revoked/);
  t.equal((await asUser(['logout'])).code, 0);
  t.notOk(existsSync(join(user, '.config/orca/login.json')));
});

t.test('a rotated token has an overlap, and that of the home none unless it is asked for', async (t) => {
  const first = await make('--name', 'turn', '--role', 'viewer');
  const second = (
    await orca.run(['token', 'rotate', 'turn', '--overlap', '1h', '--json'])
  ).json<TokenCreated>();
  for (const { token } of [first, second]) t.equal((await orca.run(['status', '--token', token])).code, 0);
  await orca.run(['token', 'rotate', 'turn']);
  t.equal((await orca.run(['status', '--token', first.token])).code, 4);
  const before = readFileSync(join(orca.home, 'cluster.token'), 'utf8').trim();
  t.equal((await orca.run(['token', 'rotate', 'admin'])).code, 0);
  t.equal((await orca.run(['status'])).code, 0, 'its file has the new one');
  t.equal((await orca.run(['status', '--token', before])).code, 4);
});

t.test('guessing is slowed and shown, and right tokens go on working from there', async (t) => {
  const guess = (at: number) =>
    orca.api('GET', '/status', undefined, { authorization: `Bearer guess-${at}` });
  const answers = [];
  for (let at = 0; at < 20; at += 1) answers.push(await guess(at));
  t.ok(
    answers.slice(10).every(({ status, headers }) => status === 429 && Number(headers['retry-after']) > 0),
  );
  const { guessing } = (await orca.run(['token', 'list', '--json'])).json<TokensReply>();
  t.match(guessing, { slowed: [{ from: '127.0.0.1' }] });
  t.match((await orca.run(['token', 'list'])).stderr, /slowed: \d+ wrong tokens came from 127\.0\.0\.1/);
  const { events } = JSON.parse((await orca.api('GET', '/events')).body) as { events: ApiEvent[] };
  t.equal(events.filter(({ kind }) => kind === 'auth.slowed').length, 1);
});

t.test('a master that is killed in the middle has told of every change that it made', async (t) => {
  const scaling = { stop: false };
  const bombard = async (): Promise<void> => {
    for (let at = 0; !scaling.stop; at += 1)
      await orca.api('POST', '/services/blog/scale', { replicas: 1 + (at % 2) }).catch(() => undefined);
  };
  for (let round = 0; round < 2; round += 1) {
    scaling.stop = false;
    const all = bombard();
    const before = await scales();
    await waitFor('changes', async () => (await scales()).told > before.told + 10);
    await killHard(orca.pid('server'));
    scaling.stop = true;
    await all;
    await orca.startServer();
    const after = await scales();
    t.equal(after.told, after.made, 'as many entries as changes');
    t.ok(after.made > before.made);
  }
  t.match(await verify(), { code: 0, verdict: { ok: true } });
});

/** How often blog was scaled by its events, which are the same commit as the change, and by the trail. */
async function scales(): Promise<{ made: number; told: number }> {
  const { events } = JSON.parse((await orca.api('GET', '/events?limit=1000')).body) as { events: ApiEvent[] };
  const { entries } = JSON.parse((await orca.api('GET', '/audit?limit=10000')).body) as AuditReply;
  return {
    made: events.filter(({ kind, service }) => kind === 'service.scale' && service === 'blog/blog').length,
    told: entries.filter(({ path, result }) => path === '/services/blog/scale' && result === 'done').length,
  };
}

t.test('the trail says who did what, and which entry was changed in the store', async (t) => {
  const { stdout } = await orca.run(['audit', '-n', '5000', '--json']);
  const { entries } = JSON.parse(stdout) as AuditReply;
  t.match(
    entries.find(({ path }) => path === '/secrets/k?project=shop'),
    { by: 'ci', from: '127.0.0.1', via: 'cli', result: 'done', text: /secret k of shop/ },
  );
  t.match(
    entries.find(({ action }) => action === 'POST /cluster/nodes/:id/cordon'),
    { by: 'ci', result: 'refused', code: 'NOT_ALLOWED' },
  );
  t.ok(entries.some(({ kind, code }) => kind === 'nobody' && code === 'TOO_MANY_REQUESTS'));
  t.notMatch(stdout, /hush|guess-/);
  const { code, verdict } = await verify();
  t.equal(code, 0);
  const head = `${verdict.head.number}:${verdict.head.hash}`;
  const broken = entries.find(({ path }) => path === '/secrets/k?project=shop')?.number ?? 0;
  await orca.stopServer();
  const env = openEnvironment(join(orca.home, 'cluster.db'));
  const { audit } = openTables(env);
  const kept = audit.get(padded(broken));
  if (!kept) throw new Error(`there is no entry ${broken}`);
  env.transaction(() => audit.put(padded(broken), { ...kept, by: 'somebody-else' }));
  await env.close();
  await orca.startServer();
  t.match(await verify('--head', head), {
    code: 1,
    verdict: { ok: false, broken: { number: broken, reason: /content was changed/ } },
  });
  const printed = await orca.run(['audit', '--verify']);
  t.match(printed, {
    code: 1,
    stdout: `broken: entry ${broken}: its content was changed: it does not give its hash\n`,
  });
});
