import fc from 'fast-check';
import t from 'tap';
import { judgePush } from '../../../../master/plan/judge-push.js';
import { type Received, readPush } from '../../../../master/plan/read-push.js';
import { type Provider, providers } from '../../../../shared/webhook.js';
import { aWebhook } from '../../../support/a-webhook.js';
import {
  aCommit,
  giteaPush,
  githubDeletion,
  githubPing,
  githubPush,
  gitlabPush,
  NO_COMMIT,
} from '../../../support/hook-payloads.js';

function read(provider: Provider, event: string, payload: unknown): Received {
  const reading = readPush(provider, event, payload);
  if (reading.kind === 'bad') throw new Error(reading.reason);
  return reading.received;
}

t.test('a push says the same in the form of each provider', async (t) => {
  const [before, after] = [aCommit(), aCommit()];
  const options = { before, after, modified: ['api/main.go', 'README.md'], message: 'Mend\n\nthe door' };
  const forms: [Provider, string, unknown][] = [
    ['github', 'push', githubPush(options)],
    ['gitea', 'push', giteaPush(options)],
    ['gitlab', 'Push Hook', gitlabPush(options)],
  ];
  for (const [provider, event, payload] of forms) {
    const received = read(provider, event, payload);
    t.match(
      received,
      { kind: 'push', repo: 'org/myapp', defaultBranch: 'main', isDeletion: false },
      provider,
    );
    t.match(received.push, { ref: 'refs/heads/main', before, commit: after, author: 'alice' }, provider);
    t.match(received.push, { message: 'Mend', paths: ['api/main.go', 'README.md'], pathCount: 2 }, provider);
    t.equal(received.headMessage, 'Mend\n\nthe door', provider);
    t.same(received.touched, ['api/main.go', 'README.md'], provider);
  }
  t.equal(read('github', 'push', githubPush()).push.pushedAtMs, 1_769_857_200_000);
});

t.test('a deletion is known by its word or by the commit that is none', async (t) => {
  t.equal(read('github', 'push', githubDeletion()).isDeletion, true);
  t.equal(read('gitea', 'push', { ...giteaPush(), after: NO_COMMIT }).isDeletion, true);
  const gitlab = { ...gitlabPush(), after: NO_COMMIT, checkout_sha: null, commits: [] };
  t.match(read('gitlab', 'Push Hook', gitlab), { isDeletion: true, push: { commit: null } });
});

t.test('a ping and other events are no pushes, whatever they hold', async (t) => {
  t.match(read('github', 'ping', githubPing()), { kind: 'ping', repo: 'org/myapp' });
  t.match(read('github', 'issues', { ref: 5, repository: { full_name: 'org/myapp' } }), { kind: 'other' });
  t.match(read('gitlab', 'Pipeline Hook', {}), { kind: 'other', repo: null });
  t.match(read('gitlab', 'Tag Push Hook', gitlabPush({ ref: 'refs/tags/v1' })), { kind: 'push' });
});

t.test('which paths are touched is not known when a list is cut short, new or rewritten', async (t) => {
  const push = githubPush();
  const [commit] = push.commits;
  const touched = (more: object, event = 'push', of: object = push) =>
    read(event === 'push' ? 'github' : 'gitlab', event, { ...of, ...more }).touched;
  t.same(touched({}), ['README.md']);
  const lists = { ...commit, added: ['a'], removed: ['b'], modified: ['c'] };
  t.same(touched({ commits: [lists, { ...commit, modified: ['d', 'a'] }] }), ['a', 'b', 'c', 'd']);
  t.equal(touched({ created: true }), null, 'a new branch');
  t.equal(touched({ before: NO_COMMIT }), null, 'a new branch without the word');
  t.equal(touched({ forced: true }), null, 'a rewritten history');
  t.equal(touched({ commits: [] }), null, 'no commits');
  t.equal(touched({ commits: Array.from({ length: 2_048 }, () => commit) }), null, "GitHub's most");
  const many = { ...commit, modified: Array.from({ length: 3_000 }, (_, at) => `f${at}`) };
  t.equal(touched({ commits: [many] }), null, "GitHub's most files");
  t.equal(touched({ total_commits: 7 }), null, 'Gitea shows some of seven');
  t.equal(touched({ total_commits_count: 21 }, 'Push Hook', gitlabPush()), null, 'GitLab some of 21');
  const bare = { id: commit?.id, message: 'as in the documentation of Gitea' };
  t.equal(touched({ commits: [bare] }), null, 'a commit without lists');
});

t.test('what is of a wrong type is refused with its place; what is missing is unknown', async (t) => {
  for (const [payload, reason] of [
    [{ ...githubPush(), ref: 5 }, /^ref: /],
    [{ ...githubPush(), commits: 'many' }, /^commits: /],
    [{ ...githubPush(), commits: [{ modified: [1] }] }, /^commits\.0\.modified\.0: /],
    [{ ...githubPush(), ref: 'x'.repeat(600) }, /^ref: /],
    [{}, /^ref: /],
    [null, /^the payload: /],
    [[], /^the payload: /],
  ] as const)
    t.match(readPush('github', 'push', payload), { kind: 'bad', reason });
  const bare = read('github', 'push', { ref: 'refs/heads/main', repository: { full_name: 'a/b' } });
  t.match(bare, { repo: 'a/b', defaultBranch: null, touched: null, push: { commit: null, author: null } });
});

t.test("the sender's text is one line, bounded, and has nothing that a terminal obeys", async (t) => {
  const message = `\u001b[31mred\u202e\ud800 ${'x'.repeat(5_000)}\nsecond`;
  const { push } = read('github', 'push', githubPush({ message, author: 'a\u0007b\r\nc' }));
  t.equal(push.message?.length, 200);
  t.match(push.message, /^\[31mred x+$/);
  t.equal(push.author, 'ab');
  const paths = Array.from({ length: 100 }, (_, at) => `p${at}`);
  t.match(read('github', 'push', githubPush({ modified: paths })).push, { pathCount: 100 });
  t.equal(read('github', 'push', githubPush({ modified: paths })).push.paths.length, 20);
  t.match(read('github', 'push', githubPush({ after: '; rm -rf /' })).push, { commit: null });
});

t.test('a generic payload may be anything', async (t) => {
  for (const payload of [{}, { ref: 5 }, { after: 7 }, { repository: 'x' }])
    t.match(read('generic', 'generic', payload), { kind: 'push', push: { ref: null, commit: null } });
  const commit = aCommit();
  t.match(read('generic', 'generic', { ref: 'refs/heads/main', commit }).push, {
    ref: 'refs/heads/main',
    commit,
  });
});

t.test('no JSON, and no push with anything in any place, ends in anything but an answer', async () => {
  const keys = Object.keys(githubPush());
  const broken = fc
    .tuple(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 4 }))
    .map(([key, value]) => ({ ...githubPush(), [key]: value }));
  fc.assert(
    fc.property(fc.constantFrom(...providers), fc.oneof(fc.jsonValue(), broken), (provider, payload) => {
      const reading = readPush(provider, provider === 'gitlab' ? 'Push Hook' : 'push', payload);
      if (reading.kind === 'bad') return reading.reason.length < 1_000;
      const webhook = aWebhook({
        provider,
        paths: ['api/**'],
        imageTag: provider === 'generic' ? 'a.b' : null,
      });
      const judged = judgePush(webhook, reading.received, payload);
      return (
        JSON.stringify(judged.push).length < 10_000 && (judged.kind === 'deploy' || judged.reason !== '')
      );
    }),
    { numRuns: 2_000 },
  );
});
