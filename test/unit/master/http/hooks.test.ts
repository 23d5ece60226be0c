import type { Test } from 'tap';
import t from 'tap';
import type { WebhookAdded } from '../../../../shared/api-webhooks.js';
import type { Provider } from '../../../../shared/webhook.js';
import { anApi, withService } from '../../../support/an-api.js';
import {
  giteaPush,
  githubPing,
  githubPush,
  gitlabPush,
  type HookCall,
  type Signing,
  signedCall,
} from '../../../support/hook-payloads.js';

async function hooksApi(t: Test) {
  const api = await anApi(t);
  withService(api.store);
  const add = async (more: object = {}): Promise<WebhookAdded> => {
    const added = await api.call('POST', '/webhooks', { repo: 'org/myapp', service_name: 'api', ...more });
    if (added.status !== 201) throw new Error(added.body);
    return added.json as WebhookAdded;
  };
  const send = ({ body, headers }: HookCall, path = '/webhooks/github') =>
    api.call('POST', path, body, '', headers);
  return { ...api, add, send };
}

const pushes: [Provider, object, Signing][] = [
  ['github', githubPush(), {}],
  ['gitea', giteaPush(), {}],
  ['gitlab', gitlabPush(), {}],
  ['generic', { anything: true }, {}],
];

t.test('a signed push of each provider is taken in, and the same again is known', async (t) => {
  const { add, send, store } = await hooksApi(t);
  for (const [provider, payload, signing] of pushes) {
    const { id, secret, url } = await add({ provider });
    t.equal(url, `https://orca.example.com/api/v1/webhooks/${provider}/${id}`);
    t.match(secret, /^[\w-]{43}$/);
    const call = signedCall(provider, secret ?? '', payload, signing);
    const path = `/webhooks/${provider}/${id}`;
    const first = await send(call, path);
    t.match(first, {
      status: 202,
      json: { duplicate: false, deliveries: [{ service: 'shop/api', state: 'waiting' }] },
    });
    t.equal(store.delivery(first.json.delivery)?.state, 'waiting', 'on disk when it is answered');
    const again = await send(call, path);
    t.match(again, { status: 200, json: { duplicate: true, delivery: first.json.delivery } });
    if (provider !== 'generic') {
      const shared = signedCall(provider, secret ?? '', JSON.stringify({ ...payload, extra: 1 }));
      t.equal((await send(shared, `/webhooks/${provider}`)).status, 202, 'to the address of all, too');
    }
  }
  t.equal(
    (await send(signedCall('generic', 'x', '{}'), '/webhooks/generic')).status,
    401,
    'generic has an id',
  );
});

t.test('what is not signed with a known secret is refused before it is read, and counted', async (t) => {
  const { add, send, store, call } = await hooksApi(t);
  const { id, secret } = await add();
  const good = signedCall('github', secret ?? '', githubPush());
  const withSignature = (value: string) => ({
    ...good,
    headers: { ...good.headers, 'x-hub-signature-256': value },
  });
  const valid = good.headers['x-hub-signature-256'] ?? '';
  const bad: [string, HookCall][] = [
    ['another secret', signedCall('github', 'guess', githubPush())],
    ['another body', { ...good, body: good.body.replace('alice', 'mallory') }],
    ['no signature', withSignature('')],
    ['a cut one', withSignature(valid.slice(0, -1))],
    ['another algorithm', withSignature(valid.replace('sha256', 'sha1'))],
    ['no hex', withSignature(`sha256=${'z'.repeat(64)}`)],
    ['the old header', { ...good, headers: { 'x-hub-signature': valid.replace('sha256', 'sha1') } }],
    ['no JSON, unsigned', { body: '{{{', headers: {} }],
    ["Gitea's headers", { ...good, headers: { 'x-gitea-signature': valid.slice(7) } }],
  ];
  for (const [what, one] of bad)
    for (const path of ['/webhooks/github', `/webhooks/github/${id}`, '/webhooks/github/wh-none'])
      t.match(await send(one, path), { status: 401, json: { code: 'SIGNATURE_INVALID' } }, what);
  t.equal((await send(good, '/webhooks/github/wh-none')).status, 401, 'another webhook');
  t.equal((await send(good, `/webhooks/gitea/${id}`)).status, 401, 'another provider');
  t.same(store.deliveries(id, 10), []);
  const metrics = (await call('GET', '/metrics')).body;
  t.match(metrics, /orca_webhook_refused_total\{provider="github"\} 28/);
  t.match(metrics, /orca_webhook_refused_total\{provider="gitea"\} 1/);
  t.match(metrics, /orca_webhook_deliveries_open\{state="waiting"\} 0/);
});

t.test('several services and several secrets on one repository', async (t) => {
  const { add, send } = await hooksApi(t);
  const one = await add({ secret: 'shared secret of many' });
  const other = await add({ secret: 'shared secret of many', branch: 'dev' });
  const alone = await add();
  await add({ secret: 'shared secret of many', repo: 'org/elsewhere' });
  const states = async (secret: string, path?: string) =>
    (await send(signedCall('github', secret, githubPush()), path)).json.deliveries.map(
      ({ state }: { state: string }) => state,
    );
  t.same(
    (await states('shared secret of many')).sort(),
    ['skipped', 'waiting'],
    'both that have it, of that repository',
  );
  t.same(
    await states('shared secret of many', `/webhooks/github/${other.id}`),
    ['skipped'],
    'its own URL: it alone',
  );
  t.same(await states(alone.secret ?? ''), ['waiting']);
  t.equal(one.secret, null, 'what was given is not said again');
});

t.test('a push of a repository that no webhook is for is kept with that reason', async (t) => {
  const { add, send } = await hooksApi(t);
  const { secret } = await add();
  const { json } = await send(signedCall('github', secret ?? '', githubPush({ repo: 'org/other' })));
  t.match(json.deliveries, [{ state: 'skipped', reason: /of the repository org\/other/ }]);
});

t.test('a ping is answered 200', async (t) => {
  const { add, send } = await hooksApi(t);
  const { id, secret } = await add();
  const ping = signedCall('github', secret ?? '', githubPing(), { event: 'ping' });
  t.match(await send(ping, `/webhooks/github/${id}`), { status: 200, json: { ok: 'pong' } });
});

t.test('a form is read as GitHub sends it, its signature over the form', async (t) => {
  const { add, send } = await hooksApi(t);
  const { secret } = await add();
  const form = new URLSearchParams({ payload: JSON.stringify(githubPush()) }).toString();
  const call = signedCall('github', secret ?? '', form);
  const type = (value: string) => ({ ...call.headers, 'content-type': value });
  t.equal((await send({ ...call, headers: type('application/x-www-form-urlencoded') })).status, 202);
  t.match(await send({ ...call, headers: type('application/json') }), {
    status: 400,
    json: { error: /not JSON/ },
  });
});

t.test('what curl sends is no form to the provider generic, whatever it says', async (t) => {
  const { add, send } = await hooksApi(t);
  const { id, secret } = await add({ provider: 'generic', image_tag: 'push_data.tag' });
  const { body, headers } = signedCall('generic', secret ?? '', { push_data: { tag: '1.4.2' } });
  const call = { body, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } };
  t.match(await send(call, `/webhooks/generic/${id}`), {
    status: 202,
    json: { deliveries: [{ state: 'waiting' }] },
  });
  const empty = signedCall('generic', secret ?? '', '');
  t.match(await send(empty, `/webhooks/generic/${id}`), {
    status: 202,
    json: { deliveries: [{ state: 'skipped' }] },
  });
});

t.test('a signed body that can not be read is refused with the reason', async (t) => {
  const { add, send } = await hooksApi(t);
  const { id, secret } = await add();
  const path = `/webhooks/github/${id}`;
  const cases: [body: string, headers: Record<string, string>, error: RegExp][] = [
    ['', {}, /it is empty/],
    ['null', {}, /no JSON object/],
    ['[]', {}, /no JSON object/],
    ['{"ref":', {}, /not JSON/],
    ['{}', { 'content-encoding': 'gzip' }, /Content-Encoding: gzip/],
    ['a=b', { 'content-type': 'application/x-www-form-urlencoded' }, /no field "payload"/],
    ['{"ref":[]}', {}, /^the payload can't be read: ref: /],
    [`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, {}, /ref/],
  ];
  for (const [body, headers, error] of cases) {
    const call = signedCall('github', secret ?? '', body);
    const answer = await send({ ...call, headers: { ...call.headers, ...headers } }, path);
    t.match(answer, { status: 400, json: { code: 'BODY_INVALID', error } }, body.slice(0, 20));
  }
});

t.test('bodies have a limit, and the address of all one for what is hashed', async (t) => {
  const { add, send } = await hooksApi(t);
  const { id, secret } = await add();
  for (let more = 0; more < 8; more += 1) await add();
  const padded = (bytes: number) => signedCall('github', secret ?? '', `{"padding":"${'x'.repeat(bytes)}"}`);
  const own = `/webhooks/github/${id}`;
  t.match(await send(padded(26 * 1024 * 1024), own), { status: 413, json: { error: /larger than 25 MiB/ } });
  t.match(await send(padded(20 * 1024 * 1024), own), { status: 400, json: { error: /ref/ } });
  t.match(await send(padded(20 * 1024 * 1024)), { status: 413, json: { hint: /own URL/ } });
  t.match(await send(padded(1024 * 1024)), { status: 400, json: { error: /ref/ } });
});
