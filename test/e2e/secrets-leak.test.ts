/**
 * Random values go through every command that takes secrets and through failures of all kinds; then everything that Orca keeps, says
 * and runs is searched for each of them: found nowhere but in the containers that refer to them.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { HistoryReply } from '../../shared/api.js';
import { dockerJson } from '../support/docker.js';
import { busyboxImage, nodeAppImage } from '../support/images.js';
import { type CommandResult, startOrca } from '../support/orca.js';
import { killHard, processesOf, readIfThere } from '../support/processes.js';
import { foundBelow, foundIn } from '../support/search-bytes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca({ cluster: 'log_level = "debug"' });
t.teardown(() => orca.stop());
const [image, box] = ['orca-e2e/leak:v1', 'orca-e2e/leak:box'];
await nodeAppImage({ tag: image, env: { RELEASE: 'v1' } });
await busyboxImage({ tag: box });

const values: string[] = [];
const aValue = (): string => {
  const value = `s${randomBytes(14).toString('hex')}`;
  values.push(value);
  return value;
};
const said: string[] = [];
const run = async (args: string[], stdin = ''): Promise<CommandResult> => {
  const result = await orca.run(args, { stdin });
  said.push(`$ ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result;
};
const api = async (method: string, path: string, body?: unknown): Promise<number> => {
  const { status, body: answer } = await orca.api(method, path, body);
  said.push(`${method} ${path}\n${answer}`);
  return status;
};
const reference = (name: string): string => `\${secrets.${name}}`;
const deploy = async (toml: string, ...more: string[]): Promise<number> => {
  orca.write('services/default/service.toml', toml);
  return (await run(['deploy', ...more])).code;
};
const secretFile = ['[[service.secret_files]]', 'secret = "as_file"', 'path = "/run/secrets/as_file"', ''];
const web = (env: Record<string, string>) =>
  serviceToml({ name: 'web', image, domain: 'web.localhost', env, readiness: ['path = "/health"'] }) +
  secretFile.join('\n');
const env = { DB: `postgres://app:${reference('db')}@db`, LINES: reference('lines'), ONE: reference('ONE') };

t.test('values are set in every way, and are in the container that refers to them', async (t) => {
  t.equal((await run(['secrets', 'set', 'db'], `${aValue()}\n`)).code, 0);
  const inFile = join(orca.folder, 'value');
  writeFileSync(inFile, aValue(), { mode: 0o600 });
  t.equal((await run(['secrets', 'set', 'as_file', '--file', 'value', '--project', 'default'])).code, 0);
  const many = Array.from({ length: 30 }, (_, at) => `MANY_${at}='${aValue()}'\n`).join('');
  writeFileSync(join(orca.folder, 'all.env'), `ONE=${aValue()}\nTWO="${aValue()}"\n${many}`, { mode: 0o600 });
  t.equal((await run(['secrets', 'import', 'all.env'])).code, 0);
  t.equal((await run(['secrets', 'set', 'lines'], `${aValue()}\n${aValue()}`)).code, 0);
  t.equal(await api('POST', '/secrets/by_api', { value: aValue() }), 200);
  t.equal(await deploy(web(env)), 0);
  const seen = (await orca.get('web.localhost', '/env')).body;
  t.equal(
    foundIn(Buffer.from(seen), values).length,
    4,
    'db, both lines and ONE: the search finds what is there',
  );
  const file = (await orca.get('web.localhost', '/read?file=/run/secrets/as_file')).body;
  t.equal(file, values[1]);
  t.equal(await deploy(web({ ...env, MORE: '1' }), '--dry-run'), 0);
});

t.test('values go through failures', async (t) => {
  const bad = `A=${aValue()}\n${aValue()}\nB="${aValue()}\n`;
  writeFileSync(join(orca.folder, 'bad.env'), bad, { mode: 0o600 });
  t.equal((await run(['secrets', 'import', 'bad.env'])).code, 2);
  t.equal((await run(['secrets', 'set', 'a/b'], aValue())).code, 2);
  t.equal((await run(['secrets', 'set', 'long'], aValue().repeat(5_000))).code, 2);
  t.equal((await run(['secrets', 'set', 'x', '--api', 'https://127.0.0.1:1'], aValue())).code, 3);
  t.equal((await run(['secrets', 'set', 'x', '--token', 'wrong'], aValue())).code, 4);
  t.equal(await api('POST', '/secrets/x', { value: { deep: aValue() } }), 400);
  t.equal(await api('POST', '/secrets/x', { value: aValue(), more: 1 }), 400);
  t.equal(await api('POST', '/secrets/x', `{"value": "${aValue()}", ${aValue()}`), 400);
  t.equal(await api('POST', '/secrets', { secrets: [{ key: 'a b', value: aValue() }] }), 400);
  t.equal(await api('PUT', '/secrets/x', { value: aValue() }), 404);
  const words = 'echo giving up with $SECRET; exit 3';
  const failing = (lines: string[], readiness: string[] = []) =>
    serviceToml({
      ...{ name: 'fails', image: box, port: null, env: { SECRET: reference('db') }, lines, readiness },
      deploy: ['progress_deadline_secs = 4'],
    });
  t.equal(await deploy(failing([`command = ["/bin/sh", "-c", "${words}"]`])), 1);
  t.match(said.at(-1), /giving up with \*\*\*/);
  t.equal(
    await deploy(failing([], ['command = ["/bin/sh", "-c", "echo $SECRET; exit 1"]', 'interval_secs = 0.2'])),
    1,
  );
  t.equal(await deploy(failing(['command = ["/nowhere"]'])), 1);
  t.equal(await deploy(failing([]).replace('secrets.db', 'secrets.nothing')), 2);
});

t.test('a registry says again what it was told', async (t) => {
  let isTold = false;
  const registry = createServer(({ headers: { authorization = '' } }, response) => {
    isTold ||= authorization !== '';
    const plain = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
    const errors = [{ code: 'DENIED', message: `no entry with ${authorization}, which is ${plain}` }];
    response.writeHead(isTold ? 403 : 401, {
      ...{ 'www-authenticate': 'Basic realm="r"', 'content-type': 'application/json' },
      'docker-distribution-api-version': 'registry/2.0',
    });
    response.end(JSON.stringify({ errors }));
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  t.teardown(() => registry.close());
  const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
  t.equal((await run(['registry', 'login', host, '--username', 'deploy'], aValue())).code, 0);
  t.equal(await deploy(serviceToml({ name: 'fails', image: `${host}/app:1`, port: null })), 1);
  t.ok(isTold);
  t.match(said.at(-1), /could not be pulled/);
});

t.test('values change, are rolled back and taken away, and processes die', async (t) => {
  const redeployed = await run(['secrets', 'set', 'db', '--redeploy'], aValue());
  t.equal(redeployed.code, 1, 'of the two that use it one fails again');
  t.ok(foundIn(Buffer.from((await orca.get('web.localhost', '/env')).body), values.slice(-1)).length === 1);
  t.equal((await run(['rollback', 'web'])).code, 0);
  t.equal((await run(['secrets', 'rm', 'ONE'])).code, 1);
  t.equal((await run(['secrets', 'rm', 'TWO'])).code, 0);
  t.equal((await run(['secrets', 'rotate-key'])).code, 0);
  await killHard(orca.pid('agent'));
  await killHard(orca.pid('server'));
  await orca.startServer();
  await orca.get('web.localhost', '/exit?code=1');
  await orca.serviceThat('web', 'to be whole again', ({ allocations }) =>
    allocations.some(({ state, restarts }) => state === 'ready' && restarts > 0),
  );
  t.equal((await run(['secrets', 'rm', 'ONE', '--force'])).code, 0);
  t.equal((await run(['backup', 'cluster.tar'])).code, 0);
});

t.test('none is in what Orca keeps, says and runs', async (t) => {
  t.ok(values.length >= 50, `${values.length} values`);
  await nowhere();
});

t.test(
  'the store is lost and what runs is adopted: it goes on with its secrets, and none is anywhere',
  async (t) => {
    const before = foundIn(Buffer.from((await orca.get('web.localhost', '/env')).body), values);
    await orca.serviceThat(
      'fails',
      'to have ended what it stops',
      ({ allocations }) => allocations.length === 0,
    );
    await orca.stopServer();
    rmSync(join(orca.home, 'cluster.db'), { recursive: true });
    await orca.startServer();
    await waitFor('the node to be held', async () =>
      /held|adopt/.test((await orca.status()).nodes[0]?.reason ?? ''),
    );
    const adopted = await run(['adopt', '--apply']);
    t.equal(adopted.code, 0, adopted.stdout + adopted.stderr);
    await orca.get('web.localhost', '/exit?code=1');
    await orca.serviceThat('web', 'to be whole again', ({ allocations }) =>
      allocations.some(({ state, restarts }) => state === 'ready' && restarts > 1),
    );
    t.same(foundIn(Buffer.from((await orca.get('web.localhost', '/env')).body), values), before);
    t.equal(await deploy(web(env)), 2, 'a deploy needs them set again');
    await nowhere();
  },
);

/** Everything but the containers themselves. */
async function nowhere(): Promise<void> {
  const { releases, rollouts } = (await orca.run(['history', 'web', '--json'])).json<HistoryReply>();
  t.ok(releases.length > 0);
  for (const path of [
    ...['/status', '/events?limit=1000', '/secrets', '/secrets/db', '/nodes', '/cluster/info', '/certs'],
    ...['/services/web/history', '/services/fails/history', '/openapi.json', '/join-tokens'],
    ...rollouts.map(({ id }) => `/rollouts/${id}`),
  ])
    await api('GET', path);
  for (const args of [
    ['status'],
    ['status', 'web'],
    ['status', 'fails'],
    ['history', 'fails'],
    ['events'],
    ['secrets', 'list'],
    ['registry', 'list'],
    ['audit'],
    ['doctor'],
  ])
    await run(args);
  t.same(foundIn(Buffer.from(said.join('\n')), values), [], 'answers and what commands print');
  t.ok(
    foundBelow(orca.home, ['web.localhost']).some((path) => path.includes('data.mdb')),
    'pages are searched',
  );
  t.same(foundBelow(orca.home, values), [], 'the home: store, logs, the agent, Caddy');
  t.same(foundIn(readFileSync(join(orca.home, '..', 'server.log')), values), [], "the master's log");
  const ofCaddy = ['.config', '.local/share'].map((folder) => join(homedir(), folder, 'caddy'));
  for (const folder of ofCaddy.filter((one) => existsSync(one)))
    t.same(foundBelow(folder, values), [], 'where Caddy saves by itself');
  const archive = join(orca.folder, 'cluster.tar');
  if (existsSync(archive)) t.same(foundIn(readFileSync(archive), values), [], 'the backup');
  t.same(foundIn(Buffer.from(await caddyConfig()), values), [], "Caddy's configuration");
  for (const { pid, command } of processesOf(orca.home)) {
    const seen = `${readIfThere(`/proc/${pid}/cmdline`)}${readIfThere(`/proc/${pid}/environ`)}`;
    t.same(foundIn(Buffer.from(seen), values), [], command.join(' '));
  }
  for (const { Id } of await orca.containers()) {
    const { Config, ...rest } = await dockerJson<{ Config: { Env: string[] } }>(
      'GET',
      `/containers/${Id}/json`,
    );
    const { Env, ...config } = Config;
    t.same(
      foundIn(Buffer.from(JSON.stringify([rest, config])), values),
      [],
      'what Docker tells but for the environment',
    );
  }
}

async function caddyConfig(): Promise<string> {
  const socketPath = join(orca.home, 'caddy.sock');
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/config/', headers: { host: 'localhost' } }, (answer) =>
      resolve(text(answer)),
    )
      .on('error', reject)
      .end();
  });
}
