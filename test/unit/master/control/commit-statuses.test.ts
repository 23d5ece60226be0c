import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startCommitStatuses, type Told } from '../../../../master/control/commit-statuses.js';
import { createWebhooks } from '../../../../master/control/webhooks.js';
import { NEW_REPORT, type StatusCall } from '../../../../master/plan/commit-status.js';
import { postStatus } from '../../../../master/status-post.js';
import type { Delivery } from '../../../../shared/webhook.js';
import { aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { aDelivery, aWebhook } from '../../../support/a-webhook.js';
import { waitFor } from '../../../support/wait-for.js';

const quiet = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
const value = { version: 'v1', sealed: 'SEALED', setAtMs: 0, by: 'ann' };
const report = { secret: 'forge', api: 'https://git.example.com/api/v1' };

/** The loop on a store with a webhook that reports; a provider that answers `answers`, then takes everything. */
function telling(t: Test, answers: Told[] = []) {
  const store = aStore(t);
  const calls: StatusCall[] = [];
  const clock = { nowMs: 1_000 };
  store.write((tx) => {
    tx.putService(aService());
    tx.putWebhook(aWebhook({ report, provider: 'gitea' }));
    tx.putSecret('/forge', { project: null, name: 'forge', values: [value] });
  });
  const loop = startCommitStatuses({
    ...{ store, nowMs: () => clock.nowMs, log: quiet as never },
    unseal: (_, bind) => `opened ${bind}`,
    post: async (call) => {
      calls.push(call);
      return answers.shift() ?? { kind: 'taken' };
    },
  });
  t.teardown(() => loop.stop());
  const put = (more: Partial<Delivery>) =>
    store.write((tx) => tx.putDelivery(aDelivery({ report: NEW_REPORT, ...more })));
  const reportOf = () => store.delivery('d-1')?.report;
  return { store, loop, clock, calls, put, reportOf };
}

t.test('a commit is told of each state once, with the token that the secret holds', async (t) => {
  const { store, calls, put, reportOf } = telling(t);
  put({});
  await waitFor('the first', () => reportOf()?.told === 'pending');
  put({ state: 'deploying', report: reportOf() ?? NEW_REPORT });
  put({ state: 'deployed', report: reportOf() ?? NEW_REPORT });
  await waitFor('the last', () => reportOf()?.told === 'success');
  t.same(
    calls.map(({ body }) => body.state),
    ['pending', 'success'],
  );
  t.same(calls[0]?.headers, { authorization: 'token opened secret:/forge@v1' });
  t.same(store.owedReports(), []);
});

t.test('what a provider refuses is said with the delivery, and tried again in its time', async (t) => {
  const refused: Told = { kind: 'refused', reason: 'git.example.com answered 401', notBeforeMs: 0 };
  const { loop, clock, calls, put, reportOf } = telling(t, [refused]);
  put({});
  await waitFor('the refusal', () => reportOf()?.problem);
  t.match(reportOf(), { told: null, failures: 1, problem: 'git.example.com answered 401' });
  loop.wake();
  t.equal(calls.length, 1);
  clock.nowMs += 10_000;
  loop.wake();
  await waitFor('the second try', () => reportOf()?.told === 'pending');
  t.equal(reportOf()?.problem, null);
  t.equal(calls.length, 2);
});

t.test('a secret that is not set is said by name, and nothing is sent', async (t) => {
  const { store, calls, put, reportOf } = telling(t);
  store.write((tx) => tx.putWebhook(aWebhook({ report: { ...report, secret: 'other' }, provider: 'gitea' })));
  put({});
  await waitFor('the reason', () => reportOf()?.problem);
  t.equal(reportOf()?.problem, 'the secret "other" is not set: orca secrets set other --project shop');
  t.equal(calls.length, 0);
});

t.test('a webhook that can not report so is refused', async (t) => {
  const store = aStore(t);
  const authority = { seal: (text: string) => text, unseal: (text: string) => text };
  const { add } = createWebhooks({ store, authority, nowMs: () => 0 });
  const asked = { repo: 'org/app', service_name: 'api' };
  const refuse = (more: object, message: RegExp) =>
    t.throws(() => add('shop/api', { ...asked, ...more }, 'ann', true), { code: 'BODY_INVALID', message });
  refuse({ status_api: 'https://x' }, /status_secret switches on/);
  refuse({ status_secret: 'forge', provider: 'generic' }, /generic has no commit statuses/);
  refuse({ status_secret: 'forge', provider: 'gitea' }, /status_api is missing/);
  refuse({ status_secret: 'a b', provider: 'github' }, /status_secret must be letters/);
  refuse({ status_secret: 'forge', status_api: 'http://git.example.com' }, /status_api must be an https URL/);
  const { webhook } = add(
    'shop/api',
    { ...asked, status_secret: 'forge', status_api: 'https://git.example.com/api/v3//' },
    'ann',
    false,
  );
  t.same(webhook.report, { secret: 'forge', api: 'https://git.example.com/api/v3' });
  const inside = { ...asked, status_secret: 'forge', status_api: 'http://127.0.0.1:3000' };
  t.throws(() => add('shop/api', inside, 'ann', false), { code: 'BODY_INVALID', message: /for admins/ });
  t.match(add('shop/api', inside, 'ann', true).webhook.report, { reachesInside: true });
});

t.test('over a real socket: taken, refused in its own words, redirected, gone', async (t) => {
  const seen: { method?: string; url?: string; body: string; token: unknown }[] = [];
  let answer: { status: number; body: string; headers?: Record<string, string> } = {
    status: 201,
    body: '{}',
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part.toString();
    });
    request.on('end', () => {
      const { method = '', url = '' } = request;
      seen.push({ method, url, body, token: request.headers.authorization });
      response.writeHead(answer.status, answer.headers ?? {}).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const call: StatusCall = {
    url: `http://127.0.0.1:${port}/repos/org/app/statuses/abc`,
    headers: { authorization: 'Bearer T0K' },
    body: { state: 'success' },
  };
  t.same(await postStatus(call, true), { kind: 'taken' });
  t.match(seen[0], { method: 'POST', body: '{"state":"success"}', token: 'Bearer T0K' });
  answer = { status: 401, body: JSON.stringify({ message: 'Bad credentials\u001b[31m' }) };
  t.same(await postStatus(call, true), {
    kind: 'refused',
    reason: `127.0.0.1:${port} answered 401: Bad credentials [31m; is the token in the secret still good?`,
    notBeforeMs: 0,
  });
  const shown = { ...call, headers: { authorization: 'Bearer a-token-of-it' } };
  answer = { status: 403, body: JSON.stringify({ message: 'not with Bearer a-token-of-it' }) };
  t.match(await postStatus(shown, true), { reason: /answered 403: not with Bearer \*\*\*; / });
  answer = { status: 429, body: '<html>', headers: { 'retry-after': '60' } };
  const limited = await postStatus(call, true);
  t.ok(limited.kind === 'refused' && limited.notBeforeMs > Date.now() + 50_000);
  const already =
    'Cannot transition status via :run from :running (Reason(s): Status cannot transition via "run")';
  answer = { status: 400, body: JSON.stringify({ message: already }) };
  t.same(await postStatus(call, true), { kind: 'taken' });
  answer = { status: 302, body: '', headers: { location: `http://127.0.0.1:${port}/elsewhere` } };
  t.match(await postStatus(call, true), { reason: /answered 302/ });
  t.notOk(
    seen.some(({ url }) => url === '/elsewhere'),
    'the token went nowhere else',
  );
  const before = seen.length;
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])
    t.match(await postStatus({ ...call, url: `http://${host}:${port}/` }, false), {
      kind: 'refused',
      reason: /leads to the master's own host or link/,
    });
  t.equal(seen.length, before, 'nobody asked there');
  server.close();
  server.closeAllConnections();
  t.match(await postStatus(call, true), { kind: 'refused', reason: /can't be reached: / });
});
