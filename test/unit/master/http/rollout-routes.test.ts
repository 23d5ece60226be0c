import t from 'tap';
import { OrcaError } from '../../../../shared/errors.js';
import {
  aCanary,
  aCount,
  aNode,
  anAllocation,
  anObserved,
  aRollout,
  aService,
  aSpec,
} from '../../../support/a-model.js';
import { anApi, withService } from '../../../support/an-api.js';

const actor = { by: 'admin', source: 'api' };

t.test('promote makes the canary stable, or only moves its weight', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  t.match(await call('POST', '/services/api/promote'), {
    status: 200,
    json: { ok: 'api: promote begun', rollout: 'r-9' },
  });
  for (const weight of [null, 0, 100]) await call('POST', '/services/api/promote?project=shop', { weight });
  t.same(asked, [
    { name: 'promote', args: ['shop/api', null, actor] },
    { name: 'promote', args: ['shop/api', null, actor] },
    { name: 'promote', args: ['shop/api', 0, actor] },
    { name: 'promote', args: ['shop/api', 100, actor] },
  ]);
});

t.test('a weight that is none is refused and changes nothing', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  for (const weight of [-1, 101, 2.5, '20', true])
    t.match(
      await call('POST', '/services/api/promote', { weight }),
      { status: 400, json: { code: 'BODY_INVALID', error: /^weight: must be .+; it is / } },
      String(weight),
    );
  t.match(await call('POST', '/services/nope/promote'), { status: 404, json: { code: 'SERVICE_NOT_FOUND' } });
  t.match(await call('POST', '/services/api/promote', {}, 'look'), { status: 403 });
  t.same(asked, []);
});

t.test('a request that was understood in part changes nothing', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  for (const [path, body, error] of [
    ['promote', { wieght: 5 }, 'wieght: unknown key; did you mean weight?'],
    ['promote', { dry_run: true }, /^dry_run: unknown key/],
    ['promote?dryrun=true', {}, 'dryrun: unknown key; did you mean dry_run?'],
    ['rollback', { too: 'v2' }, 'too: unknown key; did you mean to?'],
    ['stop', { dry_run: true }, /^dry_run: unknown key/],
    ['start?weight=5', {}, /^weight: unknown key/],
    ['scale', { replicas: 2, replica: 3 }, /^replica: unknown key/],
  ] as const)
    t.match(await call('POST', `/services/api/${path}`, body), {
      status: 400,
      json: { code: 'BODY_INVALID', error },
    });
  t.same(asked, []);
  t.match(await call('POST', '/services/api/promote', { weight: null, timeout: null }), { status: 200 });
});

t.test('a dry run answers with the plan, a refusal too, and changes nothing', async (t) => {
  const { call, asked, store } = await anApi(t, {
    commands: {
      planPromote: () => {
        throw new OrcaError('NOTHING_TO_PROMOTE', 'api has no canary');
      },
    },
  });
  withService(store);
  t.match(await call('POST', '/services/api/promote?dry_run=true', { weight: 50 }), {
    status: 200,
    json: {
      services: [
        {
          service: 'api',
          action: 'refused',
          error: 'api has no canary',
          code: 'NOTHING_TO_PROMOTE',
          hint: /./,
        },
      ],
    },
  });
  t.match((await call('POST', '/services/api/rollback?dry_run=1', { to: 'v3' })).json, {
    services: [{ service: 'api', action: 'roll', error: null }],
  });
  t.match(await call('POST', '/services/api/rollback?dry_run=maybe'), { status: 400 });
  t.same(asked, [{ name: 'planRollback', args: ['shop/api', 3] }]);
  await call('POST', '/services/api/rollback?dry_run=false');
  t.match(asked.at(-1), { name: 'rollback' });
});

t.test('nothing to promote, and a promote that came too late, are errors of their own', async (t) => {
  const errors = [
    new OrcaError('NOTHING_TO_PROMOTE', 'api has no canary'),
    new OrcaError('CONFLICT', 'api is being promoted already'),
  ];
  const { call, store } = await anApi(t, {
    commands: {
      promote: () => {
        throw errors.shift();
      },
    },
  });
  withService(store);
  t.match(await call('POST', '/services/api/promote'), { status: 409, json: { code: 'NOTHING_TO_PROMOTE' } });
  t.match(await call('POST', '/services/api/promote'), { status: 409, json: { code: 'CONFLICT' } });
});

t.test('a rollout is held and goes on; maintenance is switched with a message', async (t) => {
  const { call, asked, store } = await anApi(t);
  withService(store);
  t.match((await call('POST', '/services/api/pause')).json, { ok: 'api: the rollout is held' });
  t.match((await call('POST', '/services/api/resume')).json, { ok: 'api: the rollout goes on' });
  t.match((await call('POST', '/services/api/maintenance', { on: true, message: ' noon ' })).json, {
    ok: 'api: maintenance is on',
  });
  await call('POST', '/services/api/maintenance', { on: true, message: null });
  const maintenance = { message: 'since noon', by: 'ann', sinceMs: 1 };
  store.write((tx) => tx.putService({ ...aService(), maintenance }));
  await call('POST', '/services/api/maintenance', { on: true });
  t.match((await call('POST', '/services/api/maintenance', { on: false })).json, {
    ok: 'api: maintenance is off',
  });
  t.match(asked, [
    { name: 'pause', args: ['shop/api', actor] },
    { name: 'resume', args: ['shop/api', actor] },
    { name: 'maintenance', args: ['shop/api', 'noon', actor] },
    { name: 'maintenance', args: ['shop/api', /back soon/, actor] },
    { name: 'maintenance', args: ['shop/api', 'since noon', actor] },
    { name: 'maintenance', args: ['shop/api', null, actor] },
  ]);
  t.match(await call('POST', '/services/api/maintenance', { on: true, message: 'x'.repeat(1_001) }), {
    status: 400,
    json: { error: 'message: must have at most 1000 characters; it has 1001' },
  });
  t.match(await call('POST', '/services/api/maintenance', {}), { status: 400, json: { error: /on/ } });
});

t.test('maintenance is said to be on when the ingresses have it, else why they have not', async (t) => {
  const late = { reason: 'the ingress on one has not loaded its routes yet', isComing: true };
  const answers: (typeof late | null)[] = [late, late, null];
  const { call, store } = await anApi(t, { commands: { unserved: () => answers.shift() ?? null } });
  withService(store);
  const asked = call('POST', '/services/api/maintenance', { on: true });
  while (answers.length > 0) {
    store.write((tx) => tx.putNode(aNode({ lastSeenAtMs: answers.length })));
    await new Promise(setImmediate);
  }
  t.match((await asked).json, { ok: 'api: maintenance is on', in_force: true });

  const none = { reason: 'no ingress node is connected (one)', isComing: false };
  const away = await anApi(t, { commands: { unserved: () => none } });
  withService(away.store);
  t.match((await away.call('POST', '/services/api/maintenance', { on: false })).json, {
    ok: 'api: maintenance is to be off: no ingress node is connected (one)',
    in_force: false,
  });
});

t.test('a deploy that waits is answered when its canary has its share', async (t) => {
  const { call, store } = await anApi(t, {
    commands: { deploy: () => [{ service: 'api', id: 'r-1', change: 'roll' }] },
  });
  withService(store);
  const rollout = aRollout({
    state: 'canary',
    release: 2,
    spec: aSpec({ deploy: { strategy: 'canary' } }),
    canary: aCanary(),
  });
  store.write((tx) => {
    tx.putService(aService({ planned: { ...aService().planned, canaryWeight: 20 } }));
    tx.putRollout(rollout);
  });
  const services = [{ name: 'api', image: 'app:2', port: 80, domain: 'new.example.com' }];
  t.match(await call('POST', '/deploy?wait=1m', { services }), { status: 200, json: { deployed: ['api'] } });
});

t.test(
  'the weight in the metrics is the one in force, also while another comes and when the canary died',
  async (t) => {
    const { call, store } = await anApi(t);
    withService(store);
    const canaryOf = (state: 'ready' | 'exited') =>
      anAllocation({ id: 'shop.api.2', group: 'canary', release: 2, observed: anObserved({ state }) });
    const says = (weights: { service: string; canaryWeight: number }[]) => {
      const routed = ['shop.api.1', 'shop.api.2'].map((allocation) => ({
        ...{ allocation, state: 'routed' as const, inFlight: 0, reason: null },
      }));
      const { ingressObserved, ...node } = aNode();
      store.write((tx) =>
        tx.putNode({
          ...node,
          ingressObserved: ingressObserved && { ...ingressObserved, traffic: routed, weights },
        }),
      );
    };
    store.write((tx) => {
      tx.putRollout(aRollout({ id: 'r-2', state: 'canary', release: 2, canary: aCanary() }));
      tx.putAllocation(canaryOf('ready'));
    });
    const weight = async (): Promise<string | undefined> =>
      /^orca_canary_weight\{.*\} (\d+)$/m.exec((await call('GET', '/metrics')).body)?.[1];
    says([{ service: 'shop/api', canaryWeight: 20 }]);
    t.equal(await weight(), '20');
    says([]);
    t.equal(await weight(), '20', 'the records are changing');
    store.write((tx) => tx.putAllocation(canaryOf('exited')));
    t.equal(await weight(), '0');
  },
);

t.test('metrics have what was counted of each release, and the weight of the canary', async (t) => {
  const { call, store } = await anApi(t, {
    live: { figures: () => [aCount(1, 90, 10), aCount(2, 4), aCount(9, 1)] },
  });
  withService(store);
  store.write((tx) => {
    tx.putRollout(aRollout({ id: 'r-2', state: 'canary', release: 2, canary: aCanary() }));
    tx.putAllocation(anAllocation({ id: 'shop.api.2', group: 'canary', release: 2 }));
  });
  const { body } = await call('GET', '/metrics');
  const of = (release: string, group: string) =>
    `{project="shop",service="api",release="${release}",group="${group}"`;
  for (const line of [
    '# TYPE orca_requests_total counter',
    `orca_requests_total${of('v1', 'stable')},class="2xx"} 90`,
    `orca_requests_total${of('v1', 'stable')},class="5xx"} 10`,
    `orca_requests_total${of('v2', 'canary')},class="2xx"} 4`,
    `orca_requests_total${of('v9', 'retired')},class="2xx"} 1`,
    '# TYPE orca_request_duration_seconds histogram',
    `orca_request_duration_seconds_bucket${of('v1', 'stable')},le="0.0005"} 0`,
    `orca_request_duration_seconds_bucket${of('v1', 'stable')},le="+Inf"} 100`,
    `orca_request_duration_seconds_count${of('v1', 'stable')}} 100`,
    'orca_canary_weight{project="shop",service="api"} 0',
  ])
    t.ok(body.split('\n').includes(line), line);
  const counts = [...body.matchAll(/duration_seconds_bucket\{.*release="v1".*,le="([^"]+)"\} (\d+)/g)];
  t.equal(counts.length, 22);
  t.ok(counts.every(([, , count], index) => Number(count) >= Number(counts[index - 1]?.[2] ?? 0)));
  t.equal(counts.find(([, bound]) => Number(bound) >= 0.011 && Number(bound) < 0.09)?.[2], '90');
});

t.test(
  'a canary whose place a deploy is to take is not over before that one has begun in earnest',
  async (t) => {
    const { call, store } = await anApi(t);
    withService(store);
    const canary = aRollout({ id: 'r-2', state: 'canary', release: 2, from: 1, canary: aCanary() });
    const next = aRollout({ id: 'r-3', state: 'preparing', release: null, by: 'ops', replaces: canary });
    store.write((tx) => {
      tx.putRollout({ ...canary, state: 'superseded', reason: 'superseded: a newer deploy', endedAtMs: 8 });
      tx.putRollout(next);
    });
    const stands = { state: 'canary', ended_at: null, reason: 'stands while a deploy by ops prepares' };
    t.match((await call('GET', '/rollouts/r-2')).json, { rollout: stands });
    const history = (await call('GET', '/services/api/history')).json as { rollouts: { id: string }[] };
    t.match(
      history.rollouts.find(({ id }) => id === 'r-2'),
      stands,
    );
    store.write((tx) => tx.putRollout({ ...next, state: 'canary', release: 3, replaces: null }));
    t.match((await call('GET', '/rollouts/r-2')).json, { rollout: { state: 'superseded', ended_at: /./ } });
  },
);
