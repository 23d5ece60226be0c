/** Wrong input, as a user meets it: a clear sentence, the right exit code, and nothing changed. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca();
t.teardown(() => orca.stop());
const image = 'orca-e2e/cli:v1';
await nodeAppImage({ tag: image, env: { RELEASE: 'v1' } });
await nodeAppImage({ tag: 'orca-e2e/cli:slow', env: { RELEASE: 'slow', START_DELAY_MS: '4000' } });
const web = serviceToml({ name: 'web', image, domain: 'web.localhost' });
await orca.deployed(web);
const before = JSON.stringify((await orca.containers()).map(({ Id }) => Id).sort());

t.test('a file with a mistake names file, line and key, and changes nothing', async (t) => {
  const wrong: [name: string, toml: string, says: RegExp][] = [
    ['no TOML', '[[service]\nname = "x"\n', /service\.toml:1/],
    ['an unknown key, with the nearest', web.replace('replicas', 'replica'), /replica\b[\s\S]*replicas/],
    ['a wrong type', web.replace('replicas = 1', 'replicas = "three"'), /service\.toml:4[\s\S]*replicas/],
    ['one name twice', web + web, /web/],
    ['two services on one domain and path', web + web.replace('"web"', '"web2"'), /web\.localhost/],
    ['no image', web.replace(/image = .*\n/, ''), /image/],
    [
      'steps of a canary that fall',
      web.replace(
        '[service.readiness]',
        '[service.deploy]\nstrategy = "canary"\ncanary_steps = [50, 5]\n\n[service.readiness]',
      ),
      /service\.toml:\d+:\d+: .*canary_steps\[1\]: must be more than the step before it/,
    ],
    ['an unknown secret', `${web}\n[service.env]\nA = "\${secrets.nothing}"\n`, /nothing/],
  ];
  for (const [name, toml, says] of wrong) {
    const result = await orca.deploy(toml);
    t.equal(result.code, 2, `${name}: ${result.stdout}${result.stderr}`);
    t.match(result.stderr, says, name);
  }
  t.equal(JSON.stringify((await orca.containers()).map(({ Id }) => Id).sort()), before);
});

t.test('a YAML file is refused with its line too', async (t) => {
  orca.write('yaml/service.yaml', `service:\n  - name: y\n    image: ${image}\n    prot: 8080\n`);
  const result = await orca.run(['deploy', '-f', 'yaml/service.yaml']);
  t.equal(result.code, 2);
  t.match(result.stderr, /service\.yaml:4[\s\S]*prot[\s\S]*port/);
});

t.test('no file, no such service, no such command', async (t) => {
  t.equal((await orca.run(['deploy'], { cwd: '/tmp' })).code, 2);
  t.equal((await orca.run(['deploy', '-f', 'nowhere.toml'])).code, 2);
  t.equal((await orca.run(['frobnicate'])).code, 2);
  t.equal((await orca.run(['scale', 'web', 'many'])).code, 2);
  for (const args of [
    ['scale', 'ghost', '2'],
    ['rollback', 'ghost'],
    ['stop', 'ghost'],
    ['logs', 'ghost'],
    ['rm', 'ghost'],
  ]) {
    const result = await orca.run(args);
    t.equal(result.code, 1, args.join(' '));
    t.match(result.stderr, /ghost/);
  }
});

t.test('no master is 3, no permission is 4', async (t) => {
  t.equal((await orca.run(['status', '--api', 'https://127.0.0.1:1'])).code, 3);
  const refused = await orca.run(['status', '--token', 'wrong']);
  t.equal(refused.code, 4);
  t.match(refused.stderr, /token/i);
});

t.test('the API refuses what is not JSON, too large, unknown or without a token', async (t) => {
  const cases: [status: number, code: string, answer: Awaited<ReturnType<typeof orca.api>>][] = [
    [400, 'BODY_INVALID', await orca.api('POST', '/deploy', '{ not json')],
    [400, 'BODY_INVALID', await orca.api('POST', '/services/web/scale', { replicas: 'x' })],
    [
      413,
      'BODY_TOO_LARGE',
      await orca.api('POST', '/deploy', { services: [], more: 'x'.repeat(5 * 1_024 * 1_024) }),
    ],
    [404, 'SERVICE_NOT_FOUND', await orca.api('POST', '/services/ghost/scale', { replicas: 1 })],
    [404, 'NOT_FOUND', await orca.api('GET', '/nowhere')],
    [401, 'NOT_AUTHENTICATED', await orca.api('GET', '/status', undefined, { authorization: 'Bearer no' })],
  ];
  for (const [status, code, answer] of cases) {
    t.equal(answer.status, status, code);
    t.match(JSON.parse(answer.body), { code, error: /.+/, hint: /.+/ });
  }
  t.equal((await orca.api('GET', '/health', undefined, { authorization: '' })).status, 200);
  t.match(JSON.parse((await orca.api('GET', '/openapi.json')).body), { openapi: /^3/ });
});

t.test('every read command has --json, without colour', async (t) => {
  for (const args of [['status'], ['history', 'web'], ['events'], ['version'], ['doctor'], ['diff']]) {
    const result = await orca.run([...args, '--json'], { env: { FORCE_COLOR: '1' } });
    t.doesNotThrow(() => result.stdout.trim().split('\n').length === 1 || result.json(), args.join(' '));
    t.notMatch(result.stdout, new RegExp(String.fromCharCode(27)), args.join(' '));
  }
});

t.test('a deploy that is interrupted says that the rollout goes on, and it does', async (t) => {
  orca.write('services/default/service.toml', web.replace('cli:v1', 'cli:slow'));
  const child = orca.spawn(['deploy']);
  let output = '';
  child.stdout?.on('data', (chunk) => (output += chunk));
  child.stderr?.on('data', (chunk) => (output += chunk));
  await orca.serviceThat('web', 'to be deployed', (seen) => seen.status === 'deploying');
  await waitFor('progress', () => output.length > 0);
  child.kill('SIGINT');
  await once(child, 'close');
  t.match(output, /goes on/);
  t.match(output, /orca (status|events)/);
  const seen = await orca.serviceThat('web', 'to be updated', (service) => service.status === 'running');
  t.equal(seen.release, 'v2');
});

t.test('a deploy that waits too long says so and leaves the rollout alone', async (t) => {
  orca.write(
    'services/default/service.toml',
    web.replace('cli:v1', 'cli:slow').replace('replicas = 1', 'replicas = 2'),
  );
  await orca.run(['redeploy', 'web']);
  orca.write(
    'services/default/service.toml',
    web.replace('cli:v1', 'cli:slow').replace('port', 'command = ["/bin/node", "/app/app.js", "x"]\nport'),
  );
  const result = await orca.run(['deploy', '--timeout', '1s']);
  t.equal(result.code, 1);
  t.match(result.stderr, /goes on/);
  await orca.serviceThat('web', 'to be updated', (service) => service.status === 'running');
});

t.test('a bad cluster.toml is refused at reload, and what runs stays', async (t) => {
  const good = readFileSync(`${orca.home}/cluster.toml`, 'utf8');
  orca.write('../home/cluster.toml', `${good}\n[clutser]\nname = "x"\n`);
  const refused = await orca.run(['reload']);
  t.equal(refused.code, 2, refused.stdout);
  t.match(refused.stderr, /cluster\.toml:\d+/);
  t.equal((await orca.run(['status'])).code, 0);
  orca.write('../home/cluster.toml', good);
  t.equal((await orca.run(['reload'])).code, 0);
});

t.test('a second server on the same home or port is refused in one line', async (t) => {
  const same = await orca.run(['server', '--home', orca.home, '--listen', '127.0.0.1:0']);
  t.equal(same.code, 1);
  const taken = await orca.run([
    'server',
    '--home',
    `${orca.folder}/other`,
    '--listen',
    `127.0.0.1:${orca.apiPort}`,
  ]);
  t.equal(taken.code, 1);
  t.match(taken.stderr + taken.stdout, new RegExp(`${orca.apiPort}`));
});

t.test('doctor finds nothing wrong', async (t) => {
  const result = await orca.run(['doctor']);
  t.equal(result.code, 0, result.stdout + result.stderr);
});
