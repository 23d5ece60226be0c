/**
 * Every path of a real master, asked with every kind of token and with none: each answer is what docs/tokens.md says. Streams that a token
 * follows, and rotations and kills around them, over real sockets.
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import { openStore } from '../../master/store/store.js';
import type { AuditVerdict } from '../../shared/api-audit.js';
import type { TokenCreated } from '../../shared/api-tokens.js';
import { aRollout, aService } from '../support/a-model.js';
import { aDelivery, aWebhook } from '../support/a-webhook.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';

const m = await testMaster();
t.teardown(() => m.stop());
await m.master.stop();
const before = openStore(join(m.home, 'cluster.db'));
before.write((tx) => {
  for (const project of ['shop', 'blog']) {
    tx.putService(aService({ project, key: `${project}/api`, desired: 'stopped' }));
    const paths: string[] = [];
    const build = {
      ...{ repo: 'https://git.test/a.git', branch: 'main', dockerfile: 'Dockerfile', context: '.' },
      ...{ deployKey: null, paths, args: {} },
    };
    const spec = aService().spec;
    tx.putRollout(
      aRollout({
        ...{ id: `r-${project}`, service: `${project}/api`, state: 'succeeded', endedAtMs: 9 },
        spec: { ...spec, build },
      }),
    );
    tx.putWebhook(aWebhook({ id: `wh-${project}-kept`, service: `${project}/api` }));
    const ended = { state: 'skipped', reason: 'not meant', endedAtMs: 1 } as const;
    const of = { id: `d-${project}`, webhook: `wh-${project}-kept`, service: `${project}/api` };
    tx.putDelivery(aDelivery({ ...of, ...ended }));
    // One for each kind of token, since the first would remove the only one.
    for (let at = 0; at < 6; at += 1)
      tx.putWebhook(aWebhook({ id: `wh-${project}-${at}`, service: `${project}/api` }));
  }
});
await before.close();
await m.restart();

const make = async (
  name: string,
  role: string,
  projects: string[] | null,
  ttl_secs: number | null = null,
) => {
  const { json } = await m.api('POST', '/tokens', { name, role, projects, ttl_secs });
  return (json as TokenCreated).token;
};
const admin = readFileSync(join(m.home, 'cluster.token'), 'utf8').trim();
const shop = ['shop'];
const holders = {
  admin,
  deployer: await make('hands', 'deployer', null),
  'deployer of projects': await make('shop-hands', 'deployer', shop),
  viewer: await make('eyes', 'viewer', null),
  'viewer of projects': await make('shop-eyes', 'viewer', shop),
  'no token': null,
};
const ask = (token: string | null, method: string, path: string, body?: object) =>
  m.api(method, path, body, token === null ? { authorization: '' } : { authorization: `Bearer ${token}` });

/** As the documented table has it. */
const rows = [...readFileSync('docs/tokens.md', 'utf8').matchAll(/^\| `([A-Z]+) (\/\S*)` \| (.+) \|$/gm)].map(
  ([, method = '', path = '', cells = '']) => ({ method, path, cells: cells.split(' | ') }),
);
const deploy = (project: string) => ({
  services: [{ name: 'x', project, image: 'x:1', replicas: 1, port: 80, domain: `${project}.test` }],
});

/** A request that means something of that project; what it changes does not matter. */
function requestFor(method: string, path: string, project: string, at = 0): [path: string, body?: object] {
  const named = path
    .replace('/services/:name', `/services/${project}%2Fapi`)
    .replace('/projects/:name', `/projects/${project}`)
    .replace('/deliveries/:id', `/deliveries/d-${project}`)
    .replace('/builds/:id', `/builds/b-${project}`)
    .replace('/webhooks/:id', `/webhooks/wh-${project}-${method === 'DELETE' ? at : 'kept'}`)
    // A stream would not end: of a rollout that is not there, there is none.
    .replace('/rollouts/:id', `/rollouts/r-${project}`)
    .replace(/:\w+/g, 'nothing');
  const query = path.startsWith('/secrets') ? `?project=${project}` : '';
  if (method === 'GET' || method === 'DELETE') return [`${named}${query}`];
  if (path === '/deploy' || path === '/plan') return [named, deploy(project)];
  if (path === '/webhooks') return [named, { repo: 'a/b', service_name: `${project}/api` }];
  if (path.endsWith('/scale')) return [named, { replicas: 1 }];
  if (path.endsWith('/maintenance')) return [named, { on: false }];
  if (path === '/keys/deploy') return [named, { service: `${project}/x${at}` }];
  if (path === '/secrets') return [`${named}${query}`, { secrets: [{ key: 'k', value: 'x' }] }];
  if (path === '/secrets/:key') return [`${named}${query}`, { value: 'x' }];
  return [`${named}${query}`, {}];
}

t.test('the table names every path that there is', async (t) => {
  const { paths } = (await m.api('GET', '/openapi.json')).json as { paths: Record<string, object> };
  const there = Object.entries(paths).flatMap(([path, of]) =>
    Object.keys(of).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  t.same([...there, 'GET /metrics'].sort(), rows.map(({ method, path }) => `${method} ${path}`).sort());
});

t.test('each kind of token gets what the table says, and not more', async (t) => {
  for (const { method, path, cells } of rows) {
    const codes: string[] = [];
    for (const [at, token] of Object.values(holders).entries()) {
      const cell = cells[at];
      for (const project of cell === 'own' ? ['shop', 'blog'] : ['shop']) {
        const [where, body] = requestFor(method, path, project, at);
        const { status, json } = await ask(token, method, where, body);
        const code = (json as { code?: string } | null)?.code ?? '';
        const isForeign = project === 'blog' && !isFiltered(method, path);
        const wanted =
          token === null && cell !== 'open'
            ? 'NOT_AUTHENTICATED'
            : cell === '–' || isForeign
              ? 'NOT_ALLOWED'
              : '';
        const isRefused = ['NOT_AUTHENTICATED', 'NOT_ALLOWED', 'TOO_MANY_REQUESTS'].includes(code);
        if (wanted === '' ? isRefused : code !== wanted)
          codes.push(
            `${Object.keys(holders)[at]} of ${project}: ${status} ${code} instead of ${wanted || cell}`,
          );
      }
    }
    t.same(codes, [], `${method} ${path}`);
  }
});

/** Answers with the part that the token may see, or with what is not there. */
const isFiltered = (method: string, path: string): boolean =>
  method === 'GET' &&
  ['/status', '/events', '/webhooks', '/secrets', '/certs', '/cluster/info', '/builds'].includes(path);

t.test('an expired, a revoked, a replaced and a wrong token do nothing at all', async (t) => {
  const expired = await make('short', 'admin', null, 1);
  const revoked = await make('gone', 'admin', null);
  const replaced = await make('old', 'admin', null);
  await m.api('DELETE', '/tokens/gone');
  await m.api('POST', '/tokens/old/rotate', {});
  await waitFor(
    'the short one to expire',
    async () => (await ask(expired, 'GET', '/tokens/self')).status === 401,
  );
  for (const [what, token] of Object.entries({ expired, revoked }))
    for (const { method, path, cells } of rows.filter(({ cells }) => cells[0] !== 'open')) {
      const [where, body] = requestFor(method, path, 'shop');
      const { status, json } = await ask(token, method, where, body);
      if (status !== 401)
        t.fail(`${what}: ${method} ${path} (${cells[0]}) is answered ${status} ${JSON.stringify(json)}`);
    }
  for (const [token, why] of [
    [expired, /expired at/],
    [revoked, /was revoked at/],
    [replaced, /not known here/],
    [replaced.replace('orca_', 'orca-'), /not known here/],
  ] as const)
    t.match((await ask(token, 'GET', '/status')).json, { code: 'NOT_AUTHENTICATED', error: why });
});

t.test('a followed stream ends with its token, by revocation and by expiry', async (t) => {
  const follow = (token: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const at = {
        host: '127.0.0.1',
        port: m.port,
        path: '/api/v1/events?follow=true',
        ca: readFileSync(join(m.home, 'ca.pem')),
      };
      https
        .get({ ...at, headers: { authorization: `Bearer ${token}` }, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve(text));
          response.on('error', reject);
        })
        .on('error', reject);
    });
  const token = await make('reader', 'viewer', null);
  const revoked = follow(token);
  const expired = follow(await make('brief', 'viewer', null, 2));
  const used = async () =>
    ((await m.api('GET', '/tokens')).json as { tokens: { name: string; last_used: object | null }[] }).tokens;
  await waitFor(
    'both to follow',
    async () =>
      (await used()).filter(({ name, last_used }) => ['reader', 'brief'].includes(name) && last_used)
        .length === 2,
  );
  await m.api('DELETE', '/tokens/reader');
  t.match(await revoked, /token\.made/);
  t.match(await expired, /token\.made/);
});

t.test('what is waited for is waited for no longer than the token is good, and goes on', async (t) => {
  const waited = (token: string, name: string) => {
    const [service] = deploy('shop').services;
    const body = { services: [{ ...service, name, domain: `${name}.test` }] };
    return ask(token, 'POST', '/deploy?wait=5m', body);
  };
  const revoked = waited(await make('waits', 'deployer', shop), 'one');
  const expired = waited(await make('waits-briefly', 'deployer', shop, 2), 'two');
  const deployed = async () =>
    ((await m.api('GET', '/status?project=shop')).json as { services: { name: string }[] }).services.map(
      ({ name }) => name,
    );
  await waitFor('both to be taken up', async () => {
    const names = await deployed();
    return names.includes('one') && names.includes('two');
  });
  await m.api('DELETE', '/tokens/waits');
  for (const [answer, name] of [
    [await revoked, 'waits'],
    [await expired, 'waits-briefly'],
  ] as const)
    t.match(answer, {
      status: 401,
      json: { code: 'NOT_AUTHENTICATED', error: new RegExp(`"${name}" is good no more`), hint: /goes on/ },
    });
  const names = await deployed();
  t.ok(['one', 'two'].every((name) => names.includes(name)));
});

t.test('the rotated token of the home works after a restart, and the trail is whole', async (t) => {
  await m.api('POST', '/tokens/admin/rotate', {});
  t.match(await ask(admin, 'GET', '/status'), { status: 401 });
  t.equal((await m.api('GET', '/status')).status, 200, 'the file has the new one');
  await m.restart();
  t.equal((await m.api('GET', '/status')).status, 200);
  t.match((await m.api('GET', '/audit/verify')).json as AuditVerdict, { ok: true });
  t.match((await m.api('GET', '/audit?by=admin&limit=500')).json, { entries: [{ by: 'admin' }] });
});
