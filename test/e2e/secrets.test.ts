/** Secrets as a user has them: set, referred to, changed, taken away; and what comes of them when things die. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { SecretsChanged, SecretsReply } from '../../shared/api-secrets.js';
import { secretFolder } from '../support/clean-up.js';
import { dockerJson } from '../support/docker.js';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { isAlive, killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const program = fileURLToPath(new URL('../../test-programs/dying-server.js', import.meta.url));
const orca = await startOrca({ serverProgram: [process.execPath, program] });
t.teardown(() => orca.stop());
const image = 'orca-e2e/secrets:v1';
await nodeAppImage({ tag: image, env: { RELEASE: 'v1' } });
const reference = (name: string): string => `\${secrets.${name}}`;
const web = (env: Record<string, string>) =>
  serviceToml({ name: 'web', image, domain: 'web.localhost', env });
const envOf = async (): Promise<Record<string, string>> =>
  JSON.parse((await orca.get('web.localhost', '/env')).body);
const set = (key: string, value: string, ...more: string[]) =>
  orca.run(['secrets', 'set', key, ...more], { stdin: `${value}\n` });
const ids = async () => JSON.stringify((await orca.containers()).map(({ Id }) => Id).sort());
const url = `postgres://app:${reference('db_password')}@db/app`;

t.test('what is set is in the container that refers to it, the project before all projects', async (t) => {
  t.match(await set('db_password', 'of-all'), { code: 0, stdout: /db_password: added/ });
  t.match(await set('token', 'of-all'), { code: 0 });
  const scoped = await set('db_password', 'of-default', '--project', 'default');
  t.match(scoped, { code: 0, stdout: /db_password of default: added/ });
  await orca.deployed(web({ DB: url, TOKEN: reference('token') }));
  t.match(await envOf(), { DB: 'postgres://app:of-default@db/app', TOKEN: 'of-all' });
  const { secrets } = (await orca.run(['secrets', 'list', '--json'])).json<SecretsReply>();
  t.match(
    secrets.map(({ key, project, used_by }) => [key, project, used_by]),
    [
      ['db_password', null, []],
      ['token', null, [{ service: 'default/web', outdated: false }]],
      ['db_password', 'default', [{ service: 'default/web', outdated: false }]],
    ],
  );
  t.notMatch(JSON.stringify(secrets), /of-all|of-default/);
});

t.test('one that is missing stops the deploy before anything is touched, and the plan says so', async (t) => {
  const before = await ids();
  const toml = web({ DB: url, KEY: reference('nothing'), OTHER: reference('neither') });
  for (const args of [[], ['--dry-run']]) {
    const refused = await orca.deploy(toml, args);
    t.equal(refused.code, 2, refused.stdout);
    t.match(
      `${refused.stdout}${refused.stderr}`,
      /env\.OTHER needs the secret "neither"[\s\S]*env\.KEY needs the secret "nothing"/,
    );
  }
  t.equal(await ids(), before);
  for (const [text, says] of [
    [`\${secrets.}`, /service\.toml:\d+:\d+: .*env\.A.*names no secret/],
    [`\${secrets.a`, /service\.toml:\d+:\d+: .*env\.A.*without its/],
    [`\${secrets.a\${secrets.b}}`, /service\.toml:\d+:\d+: .*env\.A.*no name of a secret|without its/],
  ] as const) {
    const refused = await orca.deploy(web({ A: text }));
    t.equal(refused.code, 2);
    t.match(refused.stderr, says);
  }
});

t.test(
  'a changed one waits for the next deploy, or comes with --redeploy; a rollback brings the old one',
  async (t) => {
    const changed = await set('token', 'second');
    t.match(changed, {
      code: 0,
      stdout: /default\/web uses it and keeps the older value until the next deploy/,
    });
    t.match(await envOf(), { TOKEN: 'of-all' });
    orca.write('services/default/service.toml', web({ DB: url, TOKEN: reference('token') }));
    t.match(await orca.run(['diff']), { code: 0, stdout: /secrets\.token: changed/ });
    const again = await set('token', 'second', '--redeploy');
    t.equal(again.code, 0, again.stderr);
    t.match(await envOf(), { TOKEN: 'second' });
    t.match(await set('token', 'second', '--redeploy', '--json').then((r) => r.json<SecretsChanged>()), {
      services: [{ service: 'default/web', state: 'current', rollout: null }],
    });
    t.equal((await orca.run(['rollback', 'web'])).code, 0);
    t.match(await envOf(), { TOKEN: 'of-all' });
  },
);

t.test(
  'one in use is not removed, and with --force a copy that is made anew waits with the reason',
  async (t) => {
    const refused = await orca.run(['secrets', 'rm', 'token']);
    t.equal(refused.code, 1);
    t.match(refused.stderr, /token is used by default\/web/);
    t.equal((await orca.run(['secrets', 'rm', 'token', '--force'])).code, 0);
    t.match(await envOf(), { TOKEN: 'of-all' }, 'what runs goes on');
    await orca.run(['scale', 'web', '2']);
    await orca.serviceThat('web', 'to go on with what the node holds', (seen) => seen.running_replicas === 2);
    await orca.run(['scale', 'web', '1']);
    await orca.serviceThat('web', 'to be one', (seen) => seen.allocations.length === 1);
    await orca.run(['stop', 'web']);
    await orca.serviceThat('web', 'to be stopped', (seen) => seen.allocations.length === 0);
    await orca.run(['start', 'web']);
    const waiting = await orca.serviceThat('web', 'to wait', (seen) =>
      seen.allocations.some(({ reason }) => reason?.includes('secret') === true),
    );
    t.match(waiting.allocations[0], {
      state: 'pending',
      reason: /waits for the secret token: .* was removed/,
    });
    t.equal((await set('token', 'third')).code, 0);
    await orca.deployed(web({ DB: url, TOKEN: reference('token') }));
    t.match(await envOf(), { TOKEN: 'third' });
  },
);

const tokenFile = '[[service.secret_files]]\nsecret = "token"\npath = "/run/secrets/token"\nmode = "0440"\n';

t.test('a file is there for its container alone, and goes with it', async (t) => {
  await orca.deployed(web({ DB: url, TOKEN: reference('token') }) + tokenFile);
  t.equal((await orca.get('web.localhost', '/read?file=/run/secrets/token')).body, 'third');
  const folder = secretFolder(orca.home);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(readdirSync(folder).length, 1);
  const [seen] = await orca.containers();
  const { Mounts } = await dockerJson<{ Mounts: { RW: boolean; Source: string }[] }>(
    'GET',
    `/containers/${seen?.Id}/json`,
  );
  t.match(Mounts, [{ RW: false, Source: new RegExp(`^${folder}/`) }]);
  t.equal(statSync(Mounts[0]?.Source ?? '').mode & 0o777, 0o440);
});

t.test('with the master away the agent goes on, also when its host was started anew', async (t) => {
  await killHard(orca.pid('server'));
  await killHard(orca.pid('agent'));
  const disk = readFileSync(join(orca.home, 'agent', 'assignment.json'), 'utf8');
  t.match(disk, /sealedSecrets/);
  t.notMatch(disk, /third|of-default/);
  // What a host that is started again has lost.
  rmSync(secretFolder(orca.home), { recursive: true });
  const agent = orca.spawn(['agent', '--home', orca.home]);
  t.teardown(() => agent.kill('SIGKILL'));
  const before = (await envOf()).HOSTNAME;
  await orca.get('web.localhost', '/exit?code=1');
  await waitFor(
    'another container with the same secrets',
    async () => {
      const env = await envOf().catch(() => null);
      return env !== null && env.HOSTNAME !== before && env.TOKEN === 'third';
    },
    { timeoutMs: 60_000 },
  );
  t.equal((await orca.get('web.localhost', '/read?file=/run/secrets/token')).body, 'third');
  agent.kill('SIGKILL');
  await orca.startServer();
  await orca.serviceThat('web', 'to be whole', (seen) => seen.status === 'running');
});

t.test('a new key, and the master killed in the middle of it', async (t) => {
  const steps = { file: join(orca.folder, 'steps'), dieAt: join(orca.folder, 'die-at') };
  const keys = () => readFileSync(join(orca.home, 'master.key'), 'utf8').trim().split('\n');
  const [first = ''] = keys();
  // Reports of the agent are commits too: the one that dies is the new key's when both keys are there.
  for (let tries = 0; keys().length === 1 && tries < 20; tries += 1) {
    const pid = orca.pid('server');
    writeFileSync(steps.file, '0');
    writeFileSync(steps.dieAt, '1');
    await orca.run(['secrets', 'rotate-key']);
    await waitFor('the death', () => !isAlive(pid));
    rmSync(steps.dieAt);
    if (keys().length === 1) await orca.startServer();
  }
  t.equal(keys().length, 2, 'killed behind the commit, both keys are there');
  await orca.startServer();
  t.equal(keys().length, 1);
  t.not(keys()[0], first, 'the new one is in force');
  await orca.deployed(web({ DB: url, TOKEN: reference('token'), AGAIN: '1' }));
  t.match(await envOf(), { DB: 'postgres://app:of-default@db/app', TOKEN: 'third', AGAIN: '1' });
  t.match(await orca.run(['secrets', 'rotate-key']), { code: 0 });
  await orca.deployed(web({ DB: url, TOKEN: reference('token'), AGAIN: '2' }));
  t.match(await envOf(), { TOKEN: 'third', AGAIN: '2' });
  await orca.stopServer();
  await orca.startServer();
  t.equal(keys().length, 1);
  await orca.deployed(web({ DB: url, TOKEN: reference('token'), AGAIN: '3' }));
  t.match(await envOf(), { TOKEN: 'third', AGAIN: '3' });
});

t.test('a file of many is set as a whole, or refused with its line and nothing of it is set', async (t) => {
  orca.write('bad.env', 'GOOD=yes\nnot a line\nGOOD=again\n');
  const refused = await orca.run(['secrets', 'import', 'bad.env']);
  t.equal(refused.code, 2);
  t.match(refused.stderr, /bad\.env:2: must be KEY=value[\s\S]*bad\.env:3: GOOD is in line 1 already/);
  orca.write('good.env', '# all\nexport ONE=1\nTWO="two\\nlines" # with two lines\n');
  t.match(await orca.run(['secrets', 'import', 'good.env']), { code: 0, stdout: /2 secrets: 2 added/ });
  await orca.deployed(web({ TOKEN: reference('token'), TWO: reference('TWO') }));
  t.match(await envOf(), { TWO: 'two\nlines' });
  t.match(await orca.run(['secrets', 'set', 'ARG', 'seen']), {
    code: 0,
    stderr: /warning: a value on the command line/,
  });
});

t.test('what is removed leaves no file', async (t) => {
  await orca.deployed(web({ TOKEN: reference('token') }) + tokenFile);
  t.equal(readdirSync(secretFolder(orca.home)).length, 1);
  t.equal((await orca.run(['rm', 'web'])).code, 0);
  await waitFor('the files to be gone', () => readdirSync(secretFolder(orca.home)).length === 0);
  t.equal((await orca.containers()).length, 0, 'they go when no container is left');
});
