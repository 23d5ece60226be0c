import t from 'tap';
import { createCommands } from '../../../../master/control/commands.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { NOTHING_ALLOWED, permit, type SecurityRules } from '../../../../shared/permit.js';
import { aNode, aRelease, aRollout, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const actor = { by: 'ann', source: 'cli' as const };
const key = 'shop/api';
const strong = aSpec({ image: 'app:1', mounts: ['/srv/web:/data'], cap_add: ['NET_ADMIN'] });
const plain = aSpec({ image: 'app:2' });
const ALL: SecurityRules = { ...NOTHING_ALLOWED, allowedMounts: ['/srv', '/data'], capAdd: ['NET_ADMIN'] };

/** v1 has rights, v2 has none; `stable` is what runs. What is allowed can change. */
function aService1(t: Parameters<typeof aStore>[0], stable: 1 | 2, more: object = {}) {
  const store = aStore(t);
  const rules = { now: ALL };
  const allowed = (spec: typeof plain) => permit(spec, rules.now, { home: '/var/lib/orca', ports: [] });
  const [v1, v2] = [allowed(strong), allowed(plain)];
  const planned = { ...aService().planned, stable, nextRelease: 3 };
  store.write((tx) => {
    tx.putNode(aNode());
    tx.putService(aService({ spec: stable === 1 ? v1 : v2, planned, ...more }));
    tx.putRelease(aRelease({ number: 1, spec: v1 }));
    tx.putRelease(aRelease({ number: 2, spec: v2 }));
    for (const release of [1, 2])
      tx.putRollout(aRollout({ id: `r-${release}`, release, state: 'succeeded', endedAtMs: release }));
  });
  const values = createSecretValues(store, (sealed) => sealed);
  const commands = createCommands(store, createStates(store), values, allowed);
  const takeBack = () => {
    rules.now = NOTHING_ALLOWED;
  };
  return { store, commands, rules, takeBack };
}

const refused = {
  code: 'NOT_ALLOWED',
  message: /\/srv\/web.*\n.*NET_ADMIN/,
  hint: /allowed_mounts = .* and `cap_add = \["NET_ADMIN"\]`/,
};

t.test(
  'a right that was taken back does not come again by a rollback, nor does its plan say so',
  async (t) => {
    const { store, commands, rules, takeBack } = aService1(t, 2);
    takeBack();
    t.throws(() => commands.rollback(key, 1, actor), refused);
    t.match(commands.planRollback(key, 1), { code: 'NOT_ALLOWED', hint: refused.hint });
    t.equal(store.activeRollout(key), undefined, 'nothing has begun');
    rules.now = { ...ALL, allowedMounts: ['/srv'] };
    const id = commands.rollback(key, 1, actor);
    t.match(store.rollout(id ?? ''), { release: 1 });
    t.same(
      store.release(key, 1)?.spec.container.mountsWithin,
      ['/srv'],
      'its mounts lead where they may now',
    );
  },
);

t.test(
  'nor by what makes containers of it anew: redeploy, a push, new secrets, start, more copies',
  async (t) => {
    const { store, commands, takeBack } = aService1(t, 1);
    takeBack();
    t.throws(() => commands.redeploy(key, actor), refused);
    t.throws(() => commands.redeploy(key, { by: 'hook', source: 'webhook' }, 'next'), refused);
    t.throws(() => commands.rebuild(key, actor, null), refused);
    t.throws(() => commands.renew(key, actor), refused);
    t.throws(() => commands.deploy([strong], actor), refused);
    t.throws(() => commands.scale(key, 9), refused);
    commands.scale(key, 0);
    t.equal(store.service(key)?.replicas, 0, 'less may be asked for');
    t.throws(() => commands.scale(key, 1), refused);
    commands.stop(key);
    t.throws(() => commands.start(key), refused);
    t.throws(() => commands.rollback(key, 1, actor), refused);
    t.equal(store.activeRollout(key), undefined);
  },
);

t.test('a deploy without it goes, and one that fails goes back to what runs by nobody’s word', async (t) => {
  const { store, commands, takeBack } = aService1(t, 1);
  takeBack();
  const [begun] = commands.deploy([aSpec({ image: 'app:3' })], actor);
  t.match(store.rollout(begun?.id ?? ''), { state: 'preparing' });
  const back = commands.rollback(key, 1, actor);
  t.match(store.rollout(back ?? ''), { release: 1 }, 'what runs is gone back to by hand too');
});

t.test('of a canary with a right that was taken back only less is given', async (t) => {
  const { store, commands, takeBack } = aService1(t, 2);
  const canary = {
    ...{ replicas: 1, steps: [20], step: 0, weight: 20, isManual: false, inForceSinceMs: null },
    ...{ window: null, badInARow: 0, promotedAtMs: null },
  };
  const open = { id: 'r-3', release: 1, state: 'canary' as const, endedAtMs: null, spec: strong, canary };
  store.write((tx) => tx.putRollout(aRollout(open as never)));
  takeBack();
  t.throws(() => commands.promote(key, null, actor), refused);
  t.match(commands.planPromote(key, null), { code: 'NOT_ALLOWED' });
  t.throws(() => commands.promote(key, 50, actor), refused);
  commands.promote(key, 5, actor);
  t.match(store.rollout('r-3'), { canary: { weight: 5 } });
  commands.rollback(key, null, actor);
  t.match(store.activeRollout(key), { kind: 'rollback', release: 2 });
});
