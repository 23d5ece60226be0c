import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { changesOf } from '../../../../master/plan/changes.js';
import { previewEnd } from '../../../../master/plan/preview-ends.js';
import { refuseOther } from '../../../../master/plan/preview-names.js';
import { previewRules, refuseWebhook } from '../../../../master/plan/preview-rules.js';
import { type Derived, previewDomain, previewSpec } from '../../../../master/plan/preview-spec.js';
import { previewWildcard } from '../../../../master/plan/preview-wildcard.js';
import { newRollout } from '../../../../master/plan/requests.js';
import { withSecrets } from '../../../../master/plan/secrets.js';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { type ServiceSpec, serviceSpecSchema } from '../../../../shared/spec.js';
import { aService, aSpec } from '../../../support/a-model.js';

const commit = { sha: 'c'.repeat(40), ref: 'refs/heads/feature' };
const mark = {
  ...{ of: 'shop/api', webhook: 'wh-1', repo: 'org/myapp', number: 12, commit },
  ...{ pushedAtMs: 1_000, ttlMs: 5_000 },
};
const build = { repo: 'https://git.example.com/org/myapp.git' };
const built = (keys: object = {}) => aSpec({ image: undefined, build, ...keys });
const specOf = (derived: Derived) => {
  if (derived.kind === 'refused') throw new Error(derived.reason);
  return derived.spec;
};
const reasonOf = (derived: Derived): string | null => (derived.kind === 'refused' ? derived.reason : null);

t.test('a preview is a service of its own, with a name, a domain and an image of its own', async (t) => {
  const original = built({
    ...{
      replicas: 3,
      aliases: ['backend'],
      extra_ports: ['2222:22'],
      domain: undefined,
      domains: ['a.com', 'b.com'],
    },
    ...{ volumes: [{ name: 'data', path: '/data' }], mounts: ['/srv/data:/data2'], hsts: true },
  });
  const derived = previewSpec(original, mark, false);
  const spec = specOf(derived);
  t.match(spec, { name: 'api-pr-12', project: 'shop', replicas: 1, domains: ['pr-12.a.com'], tls: null });
  t.equal(spec.hsts, undefined);
  t.equal(spec.container.image, 'orca.local/shop/api-pr-12:build');
  t.same(spec.container.aliases, []);
  t.same(spec.container.extraPorts, []);
  t.same(spec.container.volumes, [{ name: 'data', path: '/data', preview: true }]);
  t.same(spec.container.mounts, [{ source: '/srv/data', target: '/data2', readOnly: true }]);
  t.same(derived.kind === 'spec' && derived.without, [
    'no extra_ports (2222)',
    'no aliases (backend)',
    'mounts are read-only',
    'one domain alone',
    'no hsts',
  ]);
  t.same(serviceSpecSchema.parse(spec), spec, 'and survives being stored');
});

t.test('a canary is rolled out plainly', async (t) => {
  const deploy = { strategy: 'canary', sticky: true, canary_steps: [10, 50] };
  const derived = previewSpec(built({ replicas: 2, deploy }), mark, false);
  t.match(specOf(derived).deploy, { strategy: 'rolling', sticky: false, canarySteps: [], analysis: null });
  t.match(derived, { without: ['no canary'] });
});

t.test('it has one copy, or as many as its service says for previews', async (t) => {
  const replicas = (keys: object) => specOf(previewSpec(built(keys), mark, false)).replicas;
  t.equal(replicas({ replicas: 3 }), 1);
  t.equal(replicas({ replicas: 0 }), 0);
  t.equal(replicas({ replicas: 3, deploy: { preview_replicas: 2 } }), 2);
  t.throws(() => aSpec({ deploy: { preview_replicas: 2 } }), /has no effect without \[service\.build\]/);
  t.match(changesOf(built(), built({ deploy: { preview_replicas: 2 } })), [
    'deploy.preview_replicas: none → 2',
  ]);
});

t.test('its domain stands before the first one, or below a wildcard', async (t) => {
  const of = (...domains: string[]) => previewDomain({ domains }, 7);
  t.equal(of('a.com', 'b.com'), 'pr-7.a.com');
  t.equal(of('*.a.com', 'a.com'), 'pr-7.a.com');
  t.equal(of('*.a.com'), 'pr-7.a.com');
  t.equal(of(), null);
  t.equal(of('10.0.0.1'), null);
});

t.test('what can have no preview is refused with the reason', async (t) => {
  const reason = (keys: object, isFork = false) => reasonOf(previewSpec(built(keys), mark, isFork));
  t.match(reasonOf(previewSpec(aSpec(), mark, false)), /has no \[service\.build\]/);
  t.match(reason({ privileged: true }), /is privileged/);
  t.match(reason({ name: `a${'b'.repeat(60)}` }), /too long for a service's name/);
  t.match(reason({ domain: `${'a.'.repeat(122)}example` }), /too long for a domain/);
  t.match(reasonOf(previewSpec({ ...built(), preview: mark }, mark, false)), /is a preview itself/);
  t.match(
    reason({ mounts: ['/srv:/srv:ro'], cap_add: ['NET_ADMIN'] }, true),
    /mounts of the host and cap_add/,
  );
  t.equal(reason({ mounts: ['/srv:/srv:ro'] }), null);
  t.equal(reason({}, true), null);
});

t.test('a preview never has more than its service, and shares no name with it', async () => {
  const keys = fc.record(
    {
      replicas: fc.integer({ min: 0, max: 9 }),
      aliases: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
      mounts: fc.subarray(['/a:/ma', '/b:/mb:ro']),
      volumes: fc.subarray([
        { name: 'v', path: '/v' },
        { name: 'w', path: '/w' },
      ]),
      extra_ports: fc.subarray(['1000:10', '2000:20/udp']),
      cap_add: fc.subarray(['NET_ADMIN', 'SYS_TIME'], { minLength: 1 }),
      cap_drop: fc.constant(['CHOWN']),
      read_only: fc.boolean(),
      user: fc.constant('1000'),
      domains: fc.uniqueArray(fc.constantFrom('a.com', 'b.com', '*.c.com'), { minLength: 1 }),
      internal: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 999_999 }), fc.boolean(), (more, number, isFork) => {
      const original = built({ domain: undefined, ...more, ...(more.domains ? {} : { domain: 'x.com' }) });
      const derived = previewSpec(original, { ...mark, number }, isFork);
      if (derived.kind === 'refused') return isFork;
      const { spec } = derived;
      const { container } = original;
      const sources = new Set(container.mounts.map(({ source, target }) => `${source}|${target}`));
      const same = (of: (one: ServiceSpec) => unknown) => assert.deepEqual(of(spec), of(original));
      same((one) => one.container.confinement);
      same(({ project, internal, placement }) => ({ project, internal, placement }));
      same((one) => one.container.resources);
      assert.notEqual(spec.name, original.name);
      assert(spec.replicas <= 1 && spec.replicas <= original.replicas);
      assert(spec.container.mounts.every((m) => m.readOnly && sources.has(`${m.source}|${m.target}`)));
      assert(spec.container.volumes.every(({ preview }) => preview));
      assert.deepEqual([spec.container.aliases, spec.container.extraPorts], [[], []]);
      assert(spec.domains.length <= 1 && spec.domains.every((one) => !original.domains.includes(one)));
      return true;
    }),
  );
});

t.test('its container gets marked secrets alone, its repository is read as the service is', async (t) => {
  const spec = built({
    env: { A: '$' + '{secrets.a} $' + '{secrets.b}' },
    build: { ...build, token: '$' + '{secrets.token}' },
  });
  const all = (key: string) => `${key}@1`;
  const marked = (key: string) => (key === '/b' ? '/b@1' : null);
  const { spec: pinned, missing } = withSecrets(spec, all, marked);
  t.same(missing, ['a']);
  t.same(pinned.container.secrets, { b: '/b@1' });
  t.same(pinned.build?.secrets, { token: 'shop/token@1' });
  const secrets = { npm: '$' + '{secrets.npm}', b: '$' + '{secrets.b}' };
  const mounting = withSecrets(built({ build: { ...build, secrets } }), all, marked);
  t.same(mounting.missing, ['npm'], 'what steps of its Dockerfile read');
  t.same(mounting.spec.build?.secrets, { b: '/b@1' });
});

t.test('whatever begins a rollout of it, it is built at the commit of its pull request', async (t) => {
  const spec = specOf(previewSpec(built(), mark, false));
  const context = { id: 'r-1', nowMs: 1, by: 'ann', source: 'cli' as const };
  const service = aService({ spec });
  t.same(newRollout('redeploy', service, spec, context, null).commit, commit);
  t.equal(newRollout('rollback', service, spec, context, null).commit, undefined);
  t.equal(newRollout('deploy', service, built(), context, null).commit, undefined);
});

t.test('it goes with its service, its webhook, or its time', async (t) => {
  const facts = { mark, original: aService(), hasWebhook: true, lastRolloutAtMs: 0 };
  t.same(previewEnd(facts, 5_999), { reason: null, atMs: 6_000 });
  t.match(previewEnd(facts, 6_000).reason, /nothing was pushed to pull request 12 for 5s/);
  t.same(previewEnd({ ...facts, lastRolloutAtMs: 4_000 }, 6_000), { reason: null, atMs: 9_000 });
  t.match(previewEnd({ ...facts, original: null }, 0).reason, /its service shop\/api was removed/);
  t.match(previewEnd({ ...facts, original: aService({ desired: 'removed' }) }, 0).reason, /was removed/);
  t.match(previewEnd({ ...facts, hasWebhook: false }, 0).reason, /its webhook wh-1 was removed/);
});

t.test('neither takes the name of the other, and no file says that it is one', async (t) => {
  t.throws(() => parseServiceBody({ name: 'api', image: 'app:1', preview: mark }, 'services[0]'), /preview/);
  const preview = specOf(previewSpec(built(), mark, false));
  const file = { ...preview, preview: undefined };
  const there = { service: aService({ spec: preview, key: 'shop/api-pr-12' }) };
  t.throws(() => refuseOther(there, file), {
    code: 'CONFLICT',
    message: /is the preview of shop\/api for org/,
  });
  t.throws(() => refuseOther({ service: aService({ spec: file }) }, preview), { code: 'CONFLICT' });
  t.throws(() => refuseOther(there, { ...preview, preview: { ...mark, webhook: 'wh-2' } }), {
    code: 'CONFLICT',
  });
  refuseOther(there, preview);
  refuseOther(null, preview);
  refuseOther({ service: aService() }, aSpec());
});

t.test('what a webhook says of previews is checked', async (t) => {
  const week = 7 * 86_400_000;
  t.same(previewRules('github', {}), {});
  t.same(previewRules('github', { preview: true }), { previews: { limit: 5, ttlMs: week, forks: false } });
  t.same(previewRules('gitea', { preview: true, preview_limit: 2, preview_ttl: '2d', preview_forks: true }), {
    previews: { limit: 2, ttlMs: 2 * 86_400_000, forks: true },
  });
  for (const asked of [
    { preview_limit: 2 },
    { preview_forks: true },
    { preview: true, preview_limit: 0 },
    { preview: true, preview_limit: 101 },
    { preview: true, preview_ttl: 'soon' },
    { preview: true, preview_ttl: '500ms' },
    { preview: true, preview_ttl: '400d' },
  ])
    t.throws(() => previewRules('github', asked), { code: 'BODY_INVALID' }, JSON.stringify(asked));
  t.throws(() => previewRules('generic', { preview: true }), { code: 'BODY_INVALID' });
});

t.test('a webhook with previews is for what is built, once a service, and for no preview', async (t) => {
  const previews = { limit: 5, ttlMs: 1, forks: false };
  refuseWebhook(built(), { previews }, [{ id: 'wh-0' }]);
  refuseWebhook(aSpec(), {}, []);
  t.throws(() => refuseWebhook(aSpec(), { previews }, []), { code: 'CONFLICT', message: /service\.build/ });
  t.throws(() => refuseWebhook(built(), { previews }, [{ id: 'wh-9', previews }]), { message: /wh-9/ });
  t.throws(() => refuseWebhook({ ...built(), preview: mark }, {}, []), { message: /is a preview/ });
});

t.test('a wildcard serves names that previews alone have', async (t) => {
  const preview = { domains: ['pr-7.a.com'], preview: mark };
  t.equal(
    previewWildcard('pr-7.a.com', () => [preview, { domains: ['a.com', '*.a.com'] }]),
    '*.a.com',
  );
  t.equal(
    previewWildcard('pr-7.a.com', () => [preview, { domains: ['a.com'] }]),
    null,
  );
  t.equal(
    previewWildcard('pr-7.a.com', () => [preview, { domains: ['pr-7.a.com', '*.a.com'] }]),
    null,
  );
  t.equal(
    previewWildcard('pr-7.a.com', () => []),
    null,
  );
  t.equal(
    previewWildcard('www.a.com', () => [{ domains: ['www.a.com'], preview: mark }]),
    null,
  );
});
