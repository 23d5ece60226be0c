import t from 'tap';
import { apply } from '../../../../master/control/apply.js';
import type { Action } from '../../../../master/plan/snapshot.js';
import { anAllocation, aRelease, aRollout, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

t.test('every kind of action is written, in one commit, with what is waited for', async (t) => {
  let commits = 0;
  const store = aStore(t, { onCommit: () => commits++ });
  const service = aService();
  store.write((tx) => {
    tx.putService(service);
    tx.putRelease(aRelease({ number: 1 }));
    tx.putAllocation(anAllocation({ id: 'shop.api.8' }));
    tx.putAllocation(anAllocation({ id: 'shop.api.9' }));
  });
  const actions: Action[] = [
    { kind: 'create-allocation', allocation: anAllocation({ id: 'shop.api.2', desired: 'running' }) },
    { kind: 'set-desired', id: 'shop.api.8', desired: 'draining', drainingSinceMs: 7 },
    { kind: 'set-desired', id: 'shop.api.77', desired: 'draining', drainingSinceMs: 7 },
    { kind: 'delete-allocation', id: 'shop.api.9' },
    { kind: 'put-rollout', rollout: aRollout() },
    { kind: 'put-release', release: aRelease({ number: 2 }) },
    { kind: 'delete-release', number: 1 },
    { kind: 'put-planned', planned: { ...service.planned, nextAllocation: 9 } },
    {
      kind: 'event',
      event: { kind: 'placed', service: service.key, node: 'n-1', rollout: 'r-1', message: 'placed' },
    },
  ];
  commits = 0;
  store.write((tx) => apply(tx, service.key, { actions, waits: ['one more is starting'] }, 5_000));
  t.equal(commits, 1);
  t.same(
    store.allocations(service.key).map((a) => [a.id, a.desired, a.drainingSinceMs]),
    [
      ['shop.api.2', 'running', null],
      ['shop.api.8', 'draining', 7],
    ],
  );
  t.equal(store.activeRollout(service.key)?.id, 'r-1');
  t.same(
    store.releases(service.key).map((r) => r.number),
    [2],
  );
  t.match(store.service(service.key)?.planned, { nextAllocation: 9, waits: ['one more is starting'] });
  t.match(store.events(1), [{ number: 1, atMs: 5_000, kind: 'placed' }]);
});

t.test('a plan that says the same again writes nothing', async (t) => {
  let commits = 0;
  const store = aStore(t, { onCommit: () => commits++ });
  const planned = { ...aService().planned, waits: ['x'] };
  store.write((tx) => tx.putService(aService({ planned })));
  const actions: Action[] = [{ kind: 'put-planned', planned }];
  store.write((tx) => apply(tx, 'shop/api', { actions, waits: ['x'] }, 1));
  t.equal(commits, 1);
});

t.test('a service that is deleted stays deleted', async (t) => {
  const store = aStore(t);
  store.write((tx) => tx.putService(aService()));
  store.write((tx) => apply(tx, 'shop/api', { actions: [{ kind: 'delete-service' }], waits: ['x'] }, 1));
  t.equal(store.service('shop/api'), undefined);
});
