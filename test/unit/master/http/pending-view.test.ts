import t from 'tap';
import { pendingOf } from '../../../../master/http/pending-view.js';
import { aRollout, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { aDelivery, aPush, aWebhook } from '../../../support/a-webhook.js';

t.test('pushes that wait are shown, and the build that a rollout waits for', async (t) => {
  const store = aStore(t);
  const build = { repo: 'https://example.com/o/r.git', branch: 'main', dockerfile: 'D', context: '.' };
  const spec = { ...aSpec(), build: { ...build, deployKey: null, paths: [], args: {} } };
  const waits = 'waits a moment for further pushes';
  store.write((tx) => {
    tx.putService(aService());
    tx.putWebhook(aWebhook());
    tx.putDelivery(aDelivery({ id: 'd-1', reason: waits }));
    tx.putDelivery(aDelivery({ id: 'd-2', state: 'deploying', rollout: 'r-1' }));
    tx.putDelivery(aDelivery({ id: 'd-3', state: 'skipped', push: aPush({ commit: null }) }));
  });
  const push = { kind: 'push' as const, id: 'd-1', commit: 'b'.repeat(40), reason: waits };
  t.same(pendingOf(store, 'shop/api'), [push]);
  t.same(pendingOf(store, 'shop/other'), []);
  const rollout = aRollout({
    id: 'r-1',
    spec,
    node: null,
    state: 'preparing',
    reason: 'no node may build',
    endedAtMs: null,
  });
  store.write((tx) => tx.putRollout(rollout));
  t.same(pendingOf(store, 'shop/api'), [
    { kind: 'build', id: 'b-1', commit: null, reason: 'queued: no node may build' },
    push,
  ]);
  store.write((tx) => tx.putRollout({ ...rollout, state: 'failed', endedAtMs: 5 }));
  t.same(pendingOf(store, 'shop/api'), [push]);
});
