import fc from 'fast-check';
import t from 'tap';
import { judgePull } from '../../../../master/plan/judge-pull.js';
import { judgePush } from '../../../../master/plan/judge-push.js';
import { lateReason } from '../../../../master/plan/late-pull.js';
import { readPush } from '../../../../master/plan/read-push.js';
import type { Provider } from '../../../../shared/webhook.js';
import { aDelivery, aPush, aWebhook } from '../../../support/a-webhook.js';
import { aCommit } from '../../../support/hook-payloads.js';
import { giteaPull, githubPull, gitlabMerge, type PullOptions } from '../../../support/pull-payloads.js';

const rules = { limit: 5, ttlMs: 1_000, forks: false };
const forms: [Provider, string, (options?: PullOptions) => object][] = [
  ['github', 'pull_request', githubPull],
  ['gitea', 'pull_request', giteaPull],
  ['gitlab', 'Merge Request Hook', gitlabMerge],
];

function judged(
  provider: Provider,
  event: string,
  payload: object,
  more: Partial<ReturnType<typeof aWebhook>> = {},
) {
  const reading = readPush(provider, event, payload);
  if (reading.kind === 'bad') throw new Error(reading.reason);
  const { received } = reading;
  if (!received.pull) throw new Error('it is about no pull request');
  const webhook = { ...aWebhook({ provider, ...more }), previews: more.previews ?? rules };
  return judgePull(webhook, received.pull, received);
}

t.test('opened, pushed to and closed are the same in the form of each provider', async (t) => {
  for (const [provider, event, form] of forms)
    for (const [action, what] of [
      ['opened', 'update'],
      ['reopened', 'update'],
      ['synchronize', 'update'],
      ['closed', 'close'],
    ] as const) {
      const head = aCommit();
      const seen = judged(provider, event, form({ action, head, number: 7, author: 'carol' }));
      const name = `${provider} ${action}`;
      t.match(seen, { reason: null, service: 'shop/api-pr-7' }, name);
      const again = action === 'reopened' ? { isReopened: true } : {};
      t.same(seen.pull, { number: 7, action: what, isFork: false, ...again }, name);
      t.match(seen.push, { commit: head, author: 'carol', message: 'Paint the door', paths: [] }, name);
      t.match(seen.push, { ref: 'refs/heads/feature', pushedAtMs: Date.parse('2026-01-31T12:00:00Z') }, name);
    }
  t.match(judged('gitlab', 'Merge Request Hook', gitlabMerge({ action: 'merge' })).pull, { action: 'close' });
});

t.test('what brings no commit is skipped', async (t) => {
  for (const action of ['labeled', 'edited', 'ready_for_review', 'assigned'])
    t.match(judged('github', 'pull_request', githubPull({ action })).reason, /brings no commit/);
  const update = gitlabMerge({ action: 'update' });
  t.match(judged('gitlab', 'Merge Request Hook', update).reason, /"update" of pull request 12 brings no/);
  t.match(judged('github', 'pull_request', githubPull({ head: 'none' })).reason, /names no commit/);
  const closed = githubPull({ action: 'synchronize' });
  closed.pull_request.state = 'closed';
  t.match(judged('github', 'pull_request', closed).reason, /brings no commit/);
});

t.test('other repositories, other bases and what says so are skipped', async (t) => {
  const reason = (options: PullOptions, branch: string | null = null) =>
    judged('github', 'pull_request', githubPull(options), { branch }).reason;
  t.match(reason({ repo: 'org/other' }), /of the repository org\/other, not of org\/myapp/);
  t.match(reason({ base: 'dev' }, 'main'), /is for the branch dev, not for main/);
  t.equal(reason({ base: 'dev' }), null);
  t.match(reason({ title: 'Try [skip deploy]' }), /\[skip deploy\]/);
  t.equal(
    reason({ action: 'closed', base: 'dev', title: '[skip ci]' }, 'main'),
    null,
    'a close is heard always',
  );
});

t.test('a fork is whatever is not known to be the repository itself', async (t) => {
  for (const [provider, event, form] of forms) {
    for (const headRepo of ['eve/myapp', null]) {
      const seen = judged(provider, event, form({ headRepo }));
      t.match(seen.pull, { isFork: true }, provider);
      t.match(seen.reason, /of a fork, of which nothing is built or run/, provider);
      const let_in = judged(provider, event, form({ headRepo }), { previews: { ...rules, forks: true } });
      t.equal(let_in.reason, null);
      t.match(
        let_in.push.ref,
        /^refs\/(pull|merge-requests)\/12\/head$/,
        'its head is in the repository itself',
      );
    }
    t.match(judged(provider, event, form({ headRepo: 'ORG/MyApp' })).pull, { isFork: false });
  }
  const bare = githubPull() as { pull_request: { head?: unknown } };
  delete bare.pull_request.head;
  t.match(judged('github', 'pull_request', bare).pull, { isFork: true });
});

t.test('no fork gets in, whatever the rest of the payload says', async () => {
  const name = fc.stringMatching(/^[a-z]{1,5}\/[a-z]{1,5}$/).filter((one) => one !== 'org/myapp');
  fc.assert(
    fc.property(
      fc.constantFrom(...forms),
      fc.option(name),
      fc.constantFrom('opened', 'reopened', 'synchronize'),
      fc.string({ maxLength: 30 }),
      ([provider, event, form], headRepo, action, branch) => {
        const seen = judged(provider, event, form({ headRepo, action, branch }));
        return seen.pull.isFork && seen.reason !== null;
      },
    ),
  );
});

t.test('a branch that git could not have is not asked for by its name', async (t) => {
  for (const branch of [
    'a b',
    'a:b',
    '../x',
    'x..y',
    'a@{1}',
    'x.lock',
    '',
    '/x',
    'x/',
    'a\nb',
    'refs/pull/5/head',
  ])
    t.equal(judged('github', 'pull_request', githubPull({ branch })).push.ref, 'refs/pull/12/head', branch);
  for (const branch of ['-x', '$(id)', 'a/b', 'ünï'])
    t.equal(judged('github', 'pull_request', githubPull({ branch })).push.ref, `refs/heads/${branch}`);
});

t.test('without previews a pull request is no push, and says how to have them', async (t) => {
  for (const [provider, event, form] of forms) {
    const reading = readPush(provider, event, form());
    if (reading.kind === 'bad') throw new Error(reading.reason);
    const seen = judgePush(aWebhook({ provider }), reading.received, {});
    t.match(seen, { kind: 'skip', reason: /is no push.*--preview/ });
  }
});

t.test('a payload of wrong types is refused with its place', async (t) => {
  t.match(readPush('github', 'pull_request', { pull_request: { number: 'x' } }), {
    kind: 'bad',
    reason: /pull_request\.number/,
  });
  for (const number of [0, -1, 1.5, 1e12])
    t.match(readPush('github', 'pull_request', { pull_request: { number } }), { kind: 'bad' });
  t.match(readPush('gitlab', 'Merge Request Hook', {}), { kind: 'bad', reason: /object_attributes/ });
});

t.test('what came in after something newer changes nothing, unless a user repeats it', async (t) => {
  const pull = (action: 'update' | 'close') => ({ number: 1, action, isFork: false });
  const at = (id: string, pushedAtMs: number | null, action: 'update' | 'close' = 'update') =>
    aDelivery({ id, push: aPush({ pushedAtMs }), pull: pull(action), state: 'deployed' });
  t.match(lateReason(at('d-1', 5), [at('d-2', 9)]), /was pushed to again after that \(d-2\)/);
  t.match(
    lateReason(at('d-1', 5), [{ ...at('d-2', 9, 'close'), state: 'skipped' }]),
    /was closed after that/,
  );
  t.equal(lateReason({ ...at('d-1', 5), redeliveryOf: 'd-0' }, [at('d-2', 9)]), null);
  t.equal(lateReason(at('d-1', null), [at('d-2', 9)]), null);
  t.equal(lateReason(at('d-1', 9), [at('d-2', 9), at('d-3', 5), at('d-1', 10)]), null);
  t.equal(lateReason(at('d-1', 5), [{ ...at('d-2', 9), service: 'shop/other' }]), null);
});

t.test('of the second of the close only what opens it again counts as newer', async (t) => {
  const at = (id: string, action: 'update' | 'close', more: object = {}, pushedAtMs = 5_000) =>
    aDelivery({
      ...{ id, push: aPush({ pushedAtMs }), state: action === 'close' ? 'removed' : 'deployed' },
      pull: { number: 1, action, isFork: false, ...more },
    });
  const close = at('d-2', 'close');
  t.match(lateReason(at('d-3', 'update'), [close]), /was closed in the same second \(d-2\)/);
  t.equal(lateReason(at('d-3', 'update', { isReopened: true }), [close]), null);
  const reopened = at('d-3', 'update', { isReopened: true });
  for (const state of ['deployed', 'superseded'] as const)
    t.equal(lateReason(at('d-4', 'update'), [close, { ...reopened, state }]), null, 'pushed to since');
  t.match(
    lateReason(at('d-4', 'update'), [close, at('d-1', 'update', { isReopened: true }, 4_000)]),
    /closed/,
  );
  t.equal(lateReason(close, [at('d-1', 'update')]), null, 'a close of the second of a push counts');
  t.match(lateReason(close, [at('d-1', 'update', {}, 6_000)]), /was pushed to again after that/);
});

t.test('whatever a payload holds, it is read or refused', async () => {
  const part = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(githubPull().pull_request, gitlabMerge().object_attributes),
  );
  const payload = fc.record(
    {
      action: part,
      number: part,
      pull_request: part,
      object_attributes: part,
      repository: part,
      project: part,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.constantFrom(...forms), fc.oneof(payload, fc.jsonValue()), ([provider, event], body) => {
      const reading = readPush(provider, event, body);
      return reading.kind === 'bad' ? reading.reason !== '' : reading.received.pull !== undefined;
    }),
  );
});
