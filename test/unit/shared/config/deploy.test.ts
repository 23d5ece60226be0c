import t from 'tap';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { parseServiceFile } from '../../../../shared/config/service-file.js';
import { serviceSpecSchema } from '../../../../shared/spec.js';
import { aService, refusal } from './a-service.js';

const served = { port: 80, domain: 'a.com' };
const parse = (deploy: Record<string, unknown>, keys: Record<string, unknown> = served) =>
  parseServiceBody(aService({ ...keys, deploy }), 'w');
const canary = (deploy: Record<string, unknown> = {}, keys: Record<string, unknown> = served) =>
  parse({ strategy: 'canary', ...deploy }, keys).deploy;

t.test('a canary without more gets 20 percent, and waits for a promote', async (t) => {
  t.match(canary(), {
    strategy: 'canary',
    canaryWeight: 20,
    canaryReplicas: null,
    canarySteps: [],
    stepMs: 60_000,
    autoPromote: false,
    analysis: null,
    sticky: false,
    groupHeader: false,
    preDeploy: null,
  });
  t.equal(canary({ canary_weight: 0 }).canaryWeight, 0);
  t.equal(canary({ canary_weight: 100 }).canaryWeight, 100);
});

t.test('steps promote by themselves at their end, unless they are told not to', async (t) => {
  t.match(canary({ canary_steps: [5, 25, 50], step_secs: 30 }), {
    canarySteps: [5, 25, 50],
    stepMs: 30_000,
    autoPromote: true,
  });
  t.equal(canary({ canary_steps: [5], auto_promote: false }).autoPromote, false);
  t.equal(canary({ auto_promote: true }).autoPromote, true);
});

t.test('blue-green is a canary of full size at no weight', async (t) => {
  t.match(canary({ canary_replicas: 3, canary_steps: [0], auto_promote: false }), {
    canaryReplicas: 3,
    canarySteps: [0],
    autoPromote: false,
  });
});

t.test('an analysis has the limits it names; when it names none, 1 percent of errors is one', async (t) => {
  t.same(canary({ analysis: {} }).analysis, {
    maxErrorRate: 1,
    maxErrorRatio: null,
    maxP95Ms: null,
    maxP95Ratio: null,
    minRequests: 50,
    failureThreshold: 2,
  });
  t.equal(canary({ analysis: { min_requests: 5 } }).analysis?.maxErrorRate, 1);
  t.same(
    canary({ analysis: { max_p95_ms: 500, max_error_ratio: 2, max_p95_ratio: 1.5, failure_threshold: 1 } })
      .analysis,
    {
      maxErrorRate: null,
      maxErrorRatio: 2,
      maxP95Ms: 500,
      maxP95Ratio: 1.5,
      minRequests: 50,
      failureThreshold: 1,
    },
  );
});

t.test('a job before the deploy goes with any strategy', async (t) => {
  t.same(parse({ pre_deploy: ['./migrate'] }).deploy.preDeploy, {
    command: ['./migrate'],
    timeoutMs: 300_000,
  });
  t.equal(canary({ pre_deploy: ['a'], pre_deploy_timeout_secs: 5 }).preDeploy?.timeoutMs, 5_000);
  t.equal(parse({ pre_deploy: [] }).deploy.preDeploy, null);
});

t.test('what is parsed fits the normalized schema', async (t) => {
  const spec = parse({ strategy: 'canary', canary_steps: [1, 2], analysis: {}, pre_deploy: ['x'] });
  t.same(spec, serviceSpecSchema.parse(spec));
});

t.test('what clients send for "unset" passes with every strategy', async (t) => {
  const unset = { canary_weight: null, canary_replicas: null, sticky: null, analysis: null };
  t.match(parse({ strategy: 'rolling', ...unset }).deploy, { strategy: 'rolling', analysis: null });
  const defaults = {
    canary_weight: 20,
    canary_replicas: 1,
    sticky: false,
    auto_promote: false,
  };
  t.match(parse({ strategy: 'rolling', ...defaults }).deploy, { strategy: 'rolling', analysis: null });
  t.match(parse(defaults).deploy, { strategy: 'rolling' });
});

t.test('a wrong value or an impossible combination is refused with what to write', async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ strategy: 'canary', canary_weight: 101 }, /deploy.canary_weight: must be at most 100/],
    [{ strategy: 'canary', canary_weight: -1 }, /deploy.canary_weight: must be at least 0/],
    [{ strategy: 'canary', canary_weight: 'half' }, /deploy.canary_weight: must be a number; it is "half"/],
    [{ strategy: 'canary', canary_weight: 2.5 }, /deploy.canary_weight: must be a whole number/],
    [{ strategy: 'canary', canary_steps: [] }, /deploy.canary_steps: must not be empty/],
    [{ strategy: 'canary', canary_steps: 5 }, /deploy.canary_steps: must be a list/],
    [{ strategy: 'canary', canary_steps: [5, 101] }, /canary_steps\[1\]: must be at most 100/],
    [{ strategy: 'canary', canary_steps: [5, 'x'] }, /canary_steps\[1\]: must be a number; it is "x"/],
    [
      { strategy: 'canary', canary_steps: [25, 10] },
      /canary_steps\[1\]: must be more than the step before it \(25\); it is 10: .*rising/,
    ],
    [{ strategy: 'canary', canary_steps: [5, 5] }, /canary_steps\[1\]: must be more than/],
    [{ strategy: 'canary', canary_steps: [5], canary_weight: 5 }, /canary_weight: .*keep one of the two/],
    [{ strategy: 'canary', canary_replicas: 0 }, /canary_replicas: must be at least 1/],
    [{ strategy: 'canary', step_secs: 0 }, /step_secs: must be at least 1/],
    [{ strategy: 'canary', analysis: { max_error_rate: 101 } }, /analysis.max_error_rate: must be at most/],
    [{ strategy: 'canary', analysis: { max_error_ratio: 0 } }, /max_error_ratio: must be more than 0/],
    [{ strategy: 'canary', analysis: { min_requests: 0 } }, /min_requests: must be at least 1/],
    [{ strategy: 'canary', analysis: { failure_threshold: 0 } }, /failure_threshold: must be at least 1/],
    [{ strategy: 'canary', analysis: { max_p95: 5 } }, /max_p95: unknown key; did you mean .*max_p95_ms/],
    [{ canary_steps: [5] }, /deploy.canary_steps: has no effect without strategy = "canary"/],
    [{ canary_weight: 30 }, /deploy.canary_weight: has no effect without/],
    [{ canary_replicas: 2 }, /deploy.canary_replicas: has no effect without/],
    [{ auto_promote: true }, /deploy.auto_promote: has no effect without/],
    [{ step_secs: 5 }, /deploy.step_secs: has no effect without/],
    [{ strategy: 'rolling', sticky: true }, /deploy.sticky: has no effect without/],
    [{ strategy: 'rolling', group_header: true }, /deploy.group_header: has no effect without/],
    [{ strategy: 'rolling', analysis: { max_p95_ms: 5 } }, /deploy.analysis: has no effect without/],
    [{ strategy: 'rolling', analysis: {} }, /deploy.analysis: has no effect without/],
    [{ strategy: 'canary', analysis: { max_error_ratoi: 2 } }, /did you mean .*max_error_ratio\?/],
    [{ pre_deploy: [''] }, /pre_deploy\[0\]: must name the program that is run, .*; it is empty/],
    [{ pre_deploy: [' ', 'up'] }, /pre_deploy\[0\]: must name the program/],
    [{ pre_deploy: './migrate' }, /deploy.pre_deploy: must be a list/],
    [{ pre_deploy: ['x'], pre_deploy_timeout_secs: 0 }, /pre_deploy_timeout_secs: must be at least 1/],
    [{ pre_deploy_timeout_secs: 5 }, /pre_deploy_timeout_secs: has no effect without pre_deploy/],
    [
      { strategy: 'blue-green', canary_replicas: 2 },
      /^w: deploy.strategy: .*"canary", canary_replicas = .*canary_steps = \[0\] and auto_promote = false/,
    ],
  ];
  for (const [deploy, expected] of cases) {
    const message = await refusal(() => parse(deploy));
    t.match(message, expected, JSON.stringify(deploy));
    t.equal(message.split('\n').length, 1, 'and nothing else');
  }
});

t.test('a canary needs traffic to split, and no single writer', async (t) => {
  const volumes = [{ name: 'data', path: '/data' }];
  const cases: [Record<string, unknown>, RegExp][] = [
    [{}, /deploy.strategy: "canary" splits .*has no domain; write "rolling"/],
    [{ ...served, internal: true }, /deploy.strategy: .*is internal; write "rolling"/],
    [{ ...served, volumes }, /deploy.strategy: .*single writer; write "rolling"/],
    [{ ...served, volume: { path: '/data' } }, /deploy.strategy: .*single writer/],
  ];
  for (const [keys, expected] of cases) t.match(await refusal(() => canary({}, keys)), expected);
});

t.test('in a file the place is named', async (t) => {
  const text =
    '[[service]]\nname = "a"\nimage = "x:1"\nport = 1\ndomain = "a.com"\n[service.deploy]\nstrategy = "canary"\ncanary_steps = [50, 5]\n[service.deploy.analysis]\nmax_error_rate = "1"\n';
  t.match(
    await refusal(() => parseServiceFile(text, 's.toml', 'p')),
    /^s\.toml:10:1: service "a": deploy\.analysis\.max_error_rate: must be a number; it is "1"/,
  );
  t.match(
    await refusal(() => parseServiceFile(text.replace('"1"', '1'), 's.toml', 'p')),
    /^s\.toml:8:21: service "a": deploy\.canary_steps\[1\]: must be more than/,
  );
});
