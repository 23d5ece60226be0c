import t from 'tap';
import {
  afterTry,
  apiOf,
  apiProblem,
  firstReport,
  NEW_REPORT,
  statusCall,
  statusOf,
} from '../../../../master/plan/commit-status.js';
import { isOwed, MAX_REPORT_FAILURES, owedAtMs } from '../../../../shared/webhook.js';
import { aDelivery, aPush } from '../../../support/a-webhook.js';

const commit = 'b'.repeat(40);
const given = {
  ...{ api: 'https://api.example.com', repo: 'org/my app', commit, service: 'shop/api', token: 'T0K' },
  ...{ status: { state: 'success', description: 'deployed' } as const, link: 'https://api.example.com/' },
};

t.test('a call has the form of its provider', async (t) => {
  t.same(statusCall('github', given), {
    url: `https://api.example.com/repos/org/my%20app/statuses/${commit}`,
    headers: { authorization: 'Bearer T0K' },
    body: {
      ...{ state: 'success', context: 'orca/shop/api', description: 'deployed' },
      target_url: 'https://api.example.com/',
    },
  });
  t.match(statusCall('gitea', { ...given, link: null }), {
    url: `https://api.example.com/repos/org/my%20app/statuses/${commit}`,
    headers: { authorization: 'token T0K' },
  });
  t.notOk('target_url' in statusCall('gitea', { ...given, link: null }).body);
  t.same(statusCall('gitlab', { ...given, repo: 'group/sub/app', link: null }), {
    url: `https://api.example.com/projects/group%2Fsub%2Fapp/statuses/${commit}`,
    headers: { 'private-token': 'T0K' },
    body: { state: 'success', name: 'orca/shop/api', description: 'deployed' },
  });
  const state = (of: 'pending' | 'failure' | 'error') =>
    statusCall('gitlab', { ...given, status: { state: of, description: '' } }).body.state;
  t.same([state('pending'), state('failure'), state('error')], ['running', 'failed', 'canceled']);
});

t.test('each state of a delivery is one of a commit, with its reason in one short line', async (t) => {
  const told = (state: ReturnType<typeof aDelivery>['state'], reason: string | null = null) =>
    statusOf(aDelivery({ state, reason }));
  t.same(told('waiting', 'waits a moment'), { state: 'pending', description: 'is being deployed' });
  t.equal(told('deploying').state, 'pending');
  t.same(told('deployed'), { state: 'success', description: 'deployed' });
  t.same(told('failed', 'exited with 1'), {
    state: 'failure',
    description: 'the deploy failed: exited with 1',
  });
  t.same(told('superseded', 'by d-2'), { state: 'error', description: 'not deployed: by d-2' });
  const { description } = statusCall('github', {
    ...given,
    status: told('failed', `a\n${'x'.repeat(300)}`),
  }).body;
  t.equal(description, 'the deploy failed: a');
  const long = statusCall('github', { ...given, status: told('failed', 'x'.repeat(300)) }).body;
  t.equal(long.description?.length, 140);
});

t.test('what a provider does not take is owed, later and later, and for a day', async (t) => {
  let report = NEW_REPORT;
  const refusal = { reason: 'no', notBeforeMs: 0 };
  const waits: number[] = [];
  for (let at = 0; at < MAX_REPORT_FAILURES; at += 1) {
    t.equal(isOwed(aDelivery({ report })), true);
    report = afterTry(report, 'pending', refusal, 0);
    waits.push(report.nextAtMs / 1_000);
  }
  t.same(waits.slice(0, 6), [10, 60, 300, 900, 3_600, 3_600]);
  t.equal(isOwed(aDelivery({ report })), false);
  t.match(report.problem, /no; it is not tried any more/);
  t.equal(owedAtMs(aDelivery({ report, state: 'deployed' })), 0, 'the next state is told at once');
  t.match(afterTry(report, 'success', refusal, 0), { failures: 1, tried: 'success' });
  t.equal(afterTry(NEW_REPORT, 'pending', { reason: 'no', notBeforeMs: 90_000 }, 0).nextAtMs, 90_000);
  t.same(afterTry(report, 'success', null, 0), { ...NEW_REPORT, told: 'success' });
  t.equal(isOwed(aDelivery({ report: { ...NEW_REPORT, told: 'success' }, state: 'deployed' })), false);
  t.equal(isOwed(aDelivery()), false, 'a webhook that does not report');
});

t.test('only a delivery that names a commit and asks for something is told of', async (t) => {
  t.same(firstReport(aDelivery(), true), { report: NEW_REPORT });
  t.same(firstReport(aDelivery(), false), {});
  t.same(firstReport(aDelivery({ state: 'skipped' }), true), {});
  t.same(firstReport({ push: aPush({ commit: null }), state: 'waiting' }, true), {});
});

t.test('a token goes over TLS, or nowhere else than to this host', async (t) => {
  t.equal(apiOf('github'), 'https://api.github.com');
  t.equal(apiOf('gitea'), null);
  for (const good of ['https://git.example.com/api/v1', 'http://127.0.0.1:3000/api/v1', 'http://[::1]:3000'])
    t.equal(apiProblem(good, true), null, good);
  for (const bad of ['http://git.example.com', 'git.example.com', 'file:///etc', ''])
    t.match(apiProblem(bad, true), /must be an https URL/, bad);
  for (const bad of [
    'https://a:b@git.example.com',
    'https://git.example.com/?x=1',
    'https://git.example.com/#x',
  ])
    t.match(apiProblem(bad, true), /an address alone/, bad);
});

t.test('addresses inside are for admins: the master is who calls there', async (t) => {
  for (const good of [
    'https://git.example.com/api/v1',
    'https://203.0.113.9/api',
    'https://[2001:db8::1]/api',
  ])
    t.equal(apiProblem(good, false), null, good);
  for (const bad of [
    ...['http://127.0.0.1:3000', 'https://127.0.0.1:6880', 'https://localhost', 'https://a.localhost.'],
    ...['https://[::1]:1', 'https://[::ffff:127.0.0.1]', 'https://0x7f.1', 'https://2130706433'],
    ...['https://169.254.169.254/latest', 'https://[fe80::1]', 'https://10.0.0.8', 'https://192.168.1.2'],
    ...['https://172.20.0.1', 'https://100.64.0.1', 'https://[fd00::1]', 'https://0.0.0.0', 'https://[::]'],
    ...['https://[64:ff9b::7f00:1]', 'https://[2002:7f00:1::]'],
  ]) {
    t.match(apiProblem(bad, false), /for admins to name/, bad);
    if (bad.startsWith('https:')) t.equal(apiProblem(bad, true), null, bad);
  }
});
