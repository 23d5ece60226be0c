import t from 'tap';
import { parseServiceBody } from '../../../../shared/config/service.js';

const KEY = '$' + '{secrets.repo_key}';
const ssh = { repo: 'git@github.com:org/repo.git', deploy_key: KEY };

const parse = (build: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  parseServiceBody({ name: 'api', build, ...more }, 'service.toml');
const problem = (build: Record<string, unknown>, more: Record<string, unknown> = {}): string => {
  try {
    parse(build, more);
    return 'it was taken';
  } catch (error) {
    return (error as Error).message;
  }
};

t.test('a build has its defaults, and its image is not pulled', async (t) => {
  const { build, container } = parse(ssh);
  t.same(build, {
    ...{
      repo: ssh.repo,
      branch: 'main',
      dockerfile: 'Dockerfile',
      context: '.',
      deployKey: KEY,
      paths: [],
      args: {},
    },
    timeoutMs: 1_200_000,
  });
  t.match(container, { pull: 'never', image: 'orca.local/default/api:build' });
  t.match(parse({ ...ssh, context: './api/' }).build, { context: 'api', dockerfile: 'api/Dockerfile' });
  t.match(parse({ ...ssh, context: 'api', dockerfile: 'Dockerfile' }).build, { dockerfile: 'Dockerfile' });
  t.match(
    parse({ ...ssh, timeout: '90s', memory: '1Gi', cpu: 0.5, target: 'runtime', platform: 'linux/arm64' })
      .build,
    {
      ...{ timeoutMs: 90_000, memoryBytes: 1024 ** 3, cpus: 0.5, target: 'runtime', platform: 'linux/arm64' },
    },
  );
});

t.test('repositories are https or ssh', async (t) => {
  for (const repo of [
    'ssh://git@git.example.com:2222/org/repo.git',
    'git@[::1]:org/repo',
    'deploy@host:~/repo',
  ])
    t.equal(parse({ repo, deploy_key: KEY }).build?.repo, repo);
  t.ok(parse({ repo: 'https://git.example.com:8443/org/repo.git' }));
  t.ok(parse({ repo: 'http://git.example.com/repo.git', insecure_http: true }));
  const refused: [string, RegExp][] = [
    ['http://git.example.com/repo.git', /build\.repo: must be https:\/\/ or ssh; with insecure_http = true/],
    ['file:///etc', /is not cloned/],
    ['ext::sh -c id', /is not cloned/],
    ['/srv/repo.git', /is not cloned/],
    ['https://user:pass@github.com/org/repo', /must hold no user or password/],
    ['git@-oProxyCommand=id:repo', /must be such as/],
    ['-oProxyCommand=id@host:repo', /must be such as/],
    ['git@host:-repo', /must be such as/],
    ['git@host:../../etc', /must be such as/],
    ['https://host/$(id)', /must be such as/],
    ['https://host/a b', /must be such as/],
    ['https://host/a\nb', /must be such as/],
    ['https://host/a;id', /must be such as/],
  ];
  for (const [repo, words] of refused)
    t.match(problem({ repo, ...(repo.includes('@') ? { deploy_key: KEY } : {}) }), words, repo);
});

t.test('branches and paths that git, a shell or a path reads as more than a name are refused', async (t) => {
  for (const branch of ['release/1.4', 'feature-x', 'ünïcode', 'v1.0_rc'])
    t.equal(parse({ ...ssh, branch }).build?.branch, branch);
  const bad = [
    '-x',
    '--upload-pack=id',
    'a b',
    'a\nb',
    'a..b',
    '$(id)',
    '`id`',
    'a;b',
    'a//b',
    'a.lock',
    '.a',
    'a/',
    '@',
    'a@{1}',
    'a^',
    'a:b',
    '*',
    '',
  ];
  for (const branch of bad)
    t.match(problem({ ...ssh, branch }), /build\.branch: must/, JSON.stringify(branch));
  for (const context of ['../..', 'a/../../b', '/etc', '-a', 'a b', '$(id)', 'a\nb']) {
    t.match(problem({ ...ssh, context }), /build\.context: must/, JSON.stringify(context));
    t.match(problem({ ...ssh, dockerfile: context }), /build\.dockerfile: must/, JSON.stringify(context));
  }
  t.match(problem({ ...ssh, target: '--x' }), /build\.target: must be the name of a stage/);
  t.match(problem({ ...ssh, platform: 'windows/amd64' }), /must be linux\/amd64 or linux\/arm64/);
});

t.test('secrets are named, never written, and never put into the image', async (t) => {
  t.match(problem({ ...ssh, deploy_key: '-----BEGIN' }), /build\.deploy_key: must be a secret, such as/);
  t.match(
    problem({ repo: ssh.repo }),
    /build\.deploy_key: is required over ssh; `orca deploy-key create SERVICE`/,
  );
  t.match(problem({ repo: 'https://h/r', deploy_key: KEY }), /is for repositories over ssh/);
  t.match(problem({ ...ssh, token: KEY }), /build\.token: is for https/);
  t.match(problem({ repo: 'http://h/r', insecure_http: true, token: KEY }), /would be readable on the way/);
  t.match(problem({ ...ssh, args: { TOKEN: KEY } }), /build\.args\.TOKEN: is kept in the image/);
  t.match(
    problem({ ...ssh, args: { BUILDKIT_CACHE_MOUNT_NS: 'other' } }),
    /build\.args\.BUILDKIT_CACHE_MOUNT_NS: is given by Orca/,
  );
  const npm = '$' + '{secrets.npm_token}';
  t.same(parse({ ...ssh, secrets: ['NPM_TOKEN'] }).build?.mounted, {
    NPM_TOKEN: '$' + '{secrets.NPM_TOKEN}',
  });
  t.same(parse({ ...ssh, secrets: { npm } }).build?.mounted, { npm });
  t.equal(parse({ ...ssh, secrets: [] }).build?.mounted, undefined);
  t.match(problem({ ...ssh, secrets: { npm: 'hush' } }), /build\.secrets\.npm: must be a secret/);
  t.match(
    problem({ ...ssh, secrets: { '../x': npm } }),
    /build\.secrets: must have the ids that the Dockerfile/,
  );
  t.match(problem({ ...ssh, secrets: ['a b'] }), /build\.secrets.*must be letters, digits/);
  t.match(problem(ssh, { pull: 'always' }), /pull: has no effect with \[service\.build\]/);
});

t.test('paths are globs that are quick to match', async (t) => {
  t.same(parse({ ...ssh, paths: ['api/**', '*.go'] }).build?.paths, ['api/**', '*.go']);
  for (const glob of ['*a'.repeat(20), '**/'.repeat(4), 'x'.repeat(257), ''])
    t.match(problem({ ...ssh, paths: [glob] }), /build\.paths\[0\]: must/, glob);
});
