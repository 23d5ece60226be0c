import t from 'tap';
import { changesOf } from '../../../../master/plan/changes.js';
import { aSpec } from '../../../support/a-model.js';

t.test('what a deploy changes of a canary is said in the words of the file', async (t) => {
  const before = aSpec({ deploy: { strategy: 'canary' } });
  const after = aSpec({
    deploy: {
      strategy: 'canary',
      canary_steps: [5, 50],
      step_secs: 30,
      group_header: true,
      pre_deploy: ['./migrate', 'up'],
      analysis: { max_p95_ms: 500 },
    },
  });
  t.same(changesOf(before, after), [
    'deploy.canary_steps: none → 5, 50',
    'deploy.step_secs: 60 → 30',
    'deploy.auto_promote: false → true',
    'deploy.analysis: none → max_p95_ms 500, min_requests 50, failure_threshold 2',
    'deploy.group_header: false → true',
    'deploy.pre_deploy: none → ./migrate, up',
    'deploy.pre_deploy_timeout_secs: none → 300',
  ]);
  t.same(changesOf(after, after), []);
});

t.test('a new service names what it says itself, and no defaults', async (t) => {
  t.same(changesOf(null, aSpec({ domain: undefined, port: undefined, env: {} })), [
    'image: none → app:1',
    'replicas: none → 1',
  ]);
  t.same(
    changesOf(
      null,
      aSpec({
        internal: true,
        health: '/up',
        deploy: { max_surge: 2 },
        volumes: [{ name: 'data', path: '/data' }],
      }),
    ).filter((line) => !/^(image|replicas|port|domains|env)/.test(line)),
    [
      'internal: none → true',
      'volumes: none → data:/data',
      'readiness: none → GET /up on 8080 (every 1 s, 3 s timeout, 3 failures, after 0 s)',
      'deploy.max_surge: none → 2',
    ],
  );
});

t.test(
  'a secret that has another value is a change without the value; files of secrets are named',
  async (t) => {
    const spec = aSpec({ secret_files: [{ secret: 'key', path: '/run/key' }] });
    const withValue = (id: string) => ({ ...spec, container: { ...spec.container, secrets: { key: id } } });
    t.same(changesOf(withValue('/key@1'), withValue('/key@2')), ['secrets.key: changed']);
    t.same(changesOf(withValue('/key@1'), withValue('/key@1')), []);
    t.same(changesOf(aSpec(), spec), ['secret_files: none → key at /run/key (0400)']);
  },
);
