import t from 'tap';
import { judgePush, repoName } from '../../../../master/plan/judge-push.js';
import { readPush } from '../../../../master/plan/read-push.js';
import type { Webhook } from '../../../../shared/webhook.js';
import { aWebhook } from '../../../support/a-webhook.js';
import { aCommit, githubDeletion, githubPush, NO_COMMIT } from '../../../support/hook-payloads.js';

function judged(webhook: Partial<Webhook>, payload: object, event = 'push'): string {
  const of = aWebhook(webhook);
  const reading = readPush(of.provider, event, payload);
  if (reading.kind === 'bad') throw new Error(reading.reason);
  const judgement = judgePush(of, reading.received, payload);
  return judgement.kind === 'deploy' ? 'deploy' : judgement.reason;
}

t.test('of an infrastructure repository the address may have more before the name', async (t) => {
  const infra = { url: '', paths: [], prune: false, deployKey: null, token: null, insecureHttp: false };
  t.equal(judged({ repo: 'git/Org/myapp', infra }, githubPush()), 'deploy');
  t.match(judged({ repo: 'git/org/myapp' }, githubPush()), /not of git\/org\/myapp/);
  t.match(judged({ repo: 'git/my-org/myapp', infra }, githubPush()), /not of git/);
  t.match(judged({ repo: 'org/myapp', infra }, githubPush({ repo: 'myapp' })), /not of org\/myapp/);
});

t.test('a push to the branch deploys, by default to that of the repository', async (t) => {
  t.equal(judged({}, githubPush()), 'deploy');
  t.equal(judged({ repo: 'Org/MyApp' }, githubPush()), 'deploy', 'names of repositories have no case');
  t.equal(judged({ branch: 'main' }, githubPush()), 'deploy');
  t.equal(judged({ branch: 'release/1.0' }, githubPush({ ref: 'refs/heads/release/1.0' })), 'deploy');
  const other = githubPush({ ref: 'refs/heads/trunk' });
  t.match(judged({}, other), /the branch trunk is not main/);
  t.equal(judged({}, { ...other, repository: { ...other.repository, default_branch: 'trunk' } }), 'deploy');
});

t.test('what is not meant to deploy is skipped with its reason', async (t) => {
  t.match(judged({}, githubPush(), 'ping'), /ping/);
  t.match(judged({}, githubPush(), 'issues'), /"issues" is no push/);
  t.match(judged({}, githubPush({ repo: 'org/other' })), /of the repository org\/other, not of org\/myapp/);
  t.match(judged({}, { ref: 'refs/heads/main' }), /that it does not name/);
  t.match(judged({}, githubDeletion()), /the branch main was deleted/);
  t.match(judged({ tag: 'v*' }, githubDeletion({ ref: 'refs/tags/v1' })), /the tag v1 was deleted/);
  t.match(judged({}, githubPush({ ref: 'refs/pull/1/head' })), /neither a branch nor a tag/);
});

t.test('tags deploy only where they are asked for', async (t) => {
  const tag = (name: string) => githubPush({ ref: `refs/tags/${name}`, before: NO_COMMIT });
  t.match(judged({}, tag('v1')), /is a tag, and this webhook has no --tag/);
  t.equal(judged({ tag: 'v*' }, tag('v1.2.3')), 'deploy');
  t.match(judged({ tag: 'v*' }, tag('1.2.3')), /the tag 1\.2\.3 is not of v\*/);
  t.match(judged({ tag: 'v*' }, githubPush()), /main is a branch; this webhook is for tags/);
  t.equal(judged({ tag: 'v*', branch: 'main' }, githubPush()), 'deploy');
  const skipped = githubPush({ ref: 'refs/tags/v1', message: 'release [skip ci]' });
  t.equal(judged({ tag: 'v*', paths: ['api/**'] }, skipped), 'deploy', 'a tag is asked for by itself');
});

t.test('a head commit that says so deploys nothing', async (t) => {
  for (const word of ['[skip ci]', '[Skip Deploy]', '[ci skip]', '[no ci]'])
    t.match(judged({}, githubPush({ message: `Mend\n\n${word}` })), `head commit says ${word.toLowerCase()}`);
  t.equal(judged({}, githubPush({ message: 'do not skip ci' })), 'deploy');
});

t.test(
  'a push that touches none of the paths deploys nothing; what is not known counts as touching',
  async (t) => {
    const of = { paths: ['api/**', '*.lock'] };
    t.equal(judged(of, githubPush({ modified: ['api/a/b.ts'] })), 'deploy');
    t.equal(judged(of, githubPush({ modified: ['x', 'go.lock'] })), 'deploy');
    t.equal(judged(of, githubPush({ modified: ['api/.env'] })), 'deploy');
    t.match(
      judged(of, githubPush({ modified: ['web/a.ts'] })),
      /the one path .* is not of api\/\*\*, \*\.lock/,
    );
    t.match(judged(of, githubPush({ modified: ['web/a.ts', 'a/b.lock'] })), /none of the 2 paths/);
    t.equal(judged(of, { ...githubPush({ modified: ['web/a.ts'] }), forced: true }), 'deploy');
  },
);

t.test('a generic payload deploys, and may bring a tag of the image, and nothing but one', async (t) => {
  const generic = (more: Partial<Webhook>, payload: object) =>
    judged({ provider: 'generic', ...more }, payload, 'generic');
  t.equal(generic({}, {}), 'deploy');
  t.equal(generic({}, { ref: 'refs/heads/any' }), 'deploy');
  t.match(generic({ branch: 'main' }, {}), /no "ref"/);
  t.match(generic({ branch: 'main' }, { ref: 'refs/heads/dev' }), /dev is not main/);
  const of = { imageTag: 'push.images.0.tag' };
  t.equal(generic(of, { push: { images: [{ tag: '1.4.2' }] } }), 'deploy');
  t.match(generic(of, { push: {} }), /no push\.images\.0\.tag/);
  for (const tag of ['../x', 'a b', '', '-a', 5, null, 'x'.repeat(129), 'a@sha256:b', '{env.X}'])
    t.match(generic(of, { push: { images: [{ tag }] } }), /is no tag of an image/);
  t.match(generic({ imageTag: 'constructor.name' }, {}), /no constructor\.name/);
});

t.test('a repository is named by org/name or by a URL of it', async (t) => {
  for (const text of [
    'org/myapp',
    'https://github.com/org/myapp.git',
    'https://user@git.example.com:8443/org/myapp/',
    'git@github.com:org/myapp.git',
    'ssh://git@github.com:22/org/myapp',
  ])
    t.equal(repoName(text), 'org/myapp', text);
  t.equal(repoName('group/sub/app'), 'group/sub/app');
  for (const bad of [
    'myapp',
    '',
    'org/../x',
    'org/my app',
    'org/$(x)',
    '../..',
    `org/${'x'.repeat(300)}`,
    '-',
  ])
    t.throws(() => repoName(bad), { code: 'BODY_INVALID', message: /org\/myapp/ }, bad);
  t.ok(aCommit());
});

t.test('paths that take longer to match than they are worth count as touched', async (t) => {
  const modified = Array.from({ length: 2_999 }, (_, at) => `${'d/'.repeat(20)}${at}`);
  t.match(judged({ paths: ['x/**'] }, githubPush({ modified })), /none of the 2999 paths/);
  const paths = Array.from({ length: 32 }, (_, at) => `x${at}/**`);
  t.equal(judged({ paths }, githubPush({ modified })), 'deploy');
});
