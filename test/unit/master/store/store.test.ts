import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openEnvironment } from '../../../../master/store/database.js';
import { migrate } from '../../../../master/store/migrations.js';
import { openStore, type Store, type StoreOptions } from '../../../../master/store/store.js';
import { openTables } from '../../../../master/store/tables.js';
import { type Changes, KEPT_EVENTS, KEPT_ROLLOUTS } from '../../../../master/store/transaction.js';
import { aNode, anAllocation, aRelease, aRollout, aService } from '../../../support/a-model.js';

function aFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'orca-store-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function aStore(t: Test, options: StoreOptions = {}): Store {
  const store = openStore(join(aFolder(t), 'cluster.db'), options);
  t.teardown(() => store.close());
  return store;
}

t.test('what was written is there after the store was closed and opened again', async (t) => {
  const path = join(aFolder(t), 'cluster.db');
  const before = openStore(path);
  before.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease({ number: 2 }));
    tx.putRelease(aRelease({ number: 10 }));
    tx.putRollout(aRollout());
    tx.putAllocation(anAllocation());
    tx.putNode(aNode());
  });
  await before.close();
  const store = openStore(path);
  t.same(store.service('shop/api'), aService());
  t.same(
    store.releases('shop/api').map((r) => r.number),
    [2, 10],
    'oldest first',
  );
  t.same(store.activeRollout('shop/api'), aRollout());
  t.same(store.rollout('r-1'), aRollout());
  t.same(store.allocations('shop/api'), [anAllocation()]);
  t.same(store.allocationsOn('n-1'), [anAllocation()]);
  t.same(store.node('n-1'), aNode());
  await store.close();
});

t.test('a transaction that throws has changed nothing, and nobody hears of it', async (t) => {
  const store = aStore(t);
  const heard: Changes[] = [];
  store.watch((changes) => heard.push(changes));
  t.throws(() =>
    store.write((tx) => {
      tx.putService(aService());
      t.ok(tx.service('shop/api'), 'it sees its own writes');
      throw new Error('no');
    }),
  );
  t.equal(store.service('shop/api'), undefined);
  t.same(heard, []);
});

t.test(
  'watchers hear after the commit which services and nodes changed; an equal write is no change',
  async (t) => {
    const commits: number[] = [];
    const store = aStore(t, { onCommit: (n) => commits.push(n) });
    const heard: Changes[] = [];
    const unwatch = store.watch((changes) => heard.push(changes));
    store.write((tx) => tx.putAllocation(anAllocation()));
    store.write((tx) => tx.putAllocation(anAllocation()));
    t.equal(heard.length, 1);
    t.same([...(heard[0]?.services ?? [])], ['shop/api']);
    t.same([...(heard[0]?.nodes ?? [])], ['n-1']);
    store.write((tx) => tx.touchService('shop/api'));
    t.equal(heard.length, 2, 'a touch is heard too');
    unwatch();
    store.write((tx) => tx.deleteAllocation('shop.api.1'));
    t.equal(heard.length, 2);
    t.same(store.allocationsOn('n-1'), []);
    t.same(commits, [1, 2], 'every commit is counted, reads and touches are not');
  },
);

t.test('a batch is one commit, heard of at its end; what is kept in memory hears at once', async (t) => {
  const commits: number[] = [];
  const store = aStore(t, { onCommit: (n) => commits.push(n) });
  const heard: Changes[] = [];
  const followed: Changes[] = [];
  store.watch((changes) => heard.push(changes));
  store.follow((changes) => followed.push(changes));
  store.dirty.services.clear();
  store.batch(() => {
    store.write((tx) => tx.putService(aService()));
    t.equal(store.service('shop/api')?.key, 'shop/api', 'it reads what it has written');
    t.equal(followed.length, 1);
    t.throws(() =>
      store.write((tx) => {
        tx.putNode(aNode());
        throw new Error('no');
      }),
    );
    store.batch(() => store.write((tx) => tx.touchService('shop/web')));
    t.same([heard, commits], [[], []]);
  });
  t.same(commits, [1]);
  t.equal(heard.length, 1);
  t.same([[...(heard[0]?.services ?? [])], [...(heard[0]?.touched ?? [])]], [['shop/api'], ['shop/web']]);
  t.same([...store.dirty.services].sort(), ['shop/api', 'shop/web']);
  t.equal(store.node('n-1'), undefined, 'a write that throws is undone alone');
});

t.test(
  'a batch that throws has changed nothing, and who keeps something in memory reads again',
  async (t) => {
    const store = aStore(t);
    const heard: Changes[] = [];
    const seen: (string | undefined)[] = [];
    store.watch((changes) => heard.push(changes));
    store.follow(() => seen.push(store.service('shop/api')?.key));
    t.throws(() =>
      store.batch(() => {
        store.write((tx) => tx.putService(aService()));
        throw new Error('no');
      }),
    );
    t.same(heard, []);
    t.equal(seen[0], 'shop/api');
    t.equal(store.service('shop/api'), undefined);
    store.write((tx) => tx.putService(aService()));
    t.equal(heard.length, 1, 'the next one is its own');
  },
);

t.test('services with names that begin alike are kept apart', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putAllocation(anAllocation());
    tx.putAllocation(anAllocation({ id: 'shop.api-two.1', service: 'shop/api-two' }));
    tx.putRelease(aRelease());
    tx.putRelease(aRelease({ service: 'shop/api-two' }));
  });
  t.equal(store.allocations('shop/api').length, 1);
  t.equal(store.releases('shop/api').length, 1);
});

t.test(
  'a rollout is open until it has ended; the oldest ended ones are forgotten, with their ids',
  async (t) => {
    const store = aStore(t);
    const idOf = (n: number): string => `r-${String(n).padStart(4, '0')}`;
    store.write((tx) => {
      for (let n = 1; n <= KEPT_ROLLOUTS + 3; n++)
        tx.putRollout(aRollout({ id: idOf(n), state: 'succeeded', endedAtMs: n }));
      tx.putRollout(aRollout({ id: 'r-9999' }));
    });
    t.equal(store.activeRollout('shop/api')?.id, 'r-9999');
    t.equal(store.rollouts('shop/api', 100).length, KEPT_ROLLOUTS);
    t.equal(store.rollouts('shop/api', 1)[0]?.id, 'r-9999', 'newest first');
    t.equal(store.rollout(idOf(1)), undefined);
    store.write((tx) => tx.putRollout(aRollout({ id: 'r-9999', state: 'failed', endedAtMs: 5 })));
    t.equal(store.activeRollout('shop/api'), undefined);
    store.write((tx) => {
      tx.putService(aService());
      tx.deleteService('shop/api');
    });
    t.same(
      [store.rollouts('shop/api', 9), store.releases('shop/api'), store.rollout('r-9999')],
      [[], [], undefined],
    );
  },
);

t.test('events are numbered, and the oldest make room', async (t) => {
  const store = aStore(t);
  const event = { atMs: 1, kind: 'x', service: null, node: null, rollout: null, message: 'm' };
  store.write((tx) => {
    for (let n = 0; n < KEPT_EVENTS + 5; n++) tx.addEvent(event);
  });
  t.equal(store.events(2_000).length, KEPT_EVENTS);
  t.same(
    store.events(2).map((e) => e.number),
    [KEPT_EVENTS + 4, KEPT_EVENTS + 5],
  );
  t.same(
    store.eventsAfter(KEPT_EVENTS + 3).map((e) => e.number),
    [KEPT_EVENTS + 4, KEPT_EVENTS + 5],
  );
});

t.test(
  'a store of a newer schema is refused and stays as it is; an older one is migrated in order',
  async (t) => {
    const path = join(aFolder(t), 'cluster.db');
    const env = openEnvironment(path);
    const tables = openTables(env);
    migrate(env, tables, []);
    t.equal(tables.meta.get('schema-version'), 1);
    const ran: number[] = [];
    const steps = [() => void ran.push(1), () => void ran.push(2)];
    migrate(env, tables, steps);
    migrate(env, tables, steps);
    t.same(ran, [1, 2]);
    t.equal(tables.meta.get('schema-version'), 3);
    const failing = [
      ...steps,
      (of: typeof tables) => of.meta.put('half', true),
      () => {
        throw new Error('no');
      },
    ];
    t.throws(() => migrate(env, tables, failing));
    t.equal(tables.meta.get('schema-version'), 3);
    t.equal(tables.meta.get('half'), undefined, 'a migration that fails has changed nothing');
    env.transaction(() => tables.meta.put('schema-version', 99));
    await env.close();
    t.throws(() => openStore(path), { code: 'STORE_TOO_NEW', message: /schema 99/ });
  },
);

t.test(
  'on a full disk a write is refused, nothing has changed, and it goes on when there is room again',
  async (t) => {
    const disk = aFolder(t);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk]);
    t.teardown(() => execFileSync('umount', [disk]));
    const store = openStore(join(disk, 'cluster.db'));
    const padding = 'x'.repeat(20_000);
    const big = (n: number) => aService({ key: `shop/s${n}`, name: `s${n}` }, { env: { PADDING: padding } });
    let written = 0;
    t.throws(
      () => {
        for (; written < 100; written++) store.write((tx) => tx.putService(big(written)));
      },
      { code: 'STORE_FULL' },
    );
    t.ok(written > 0);
    t.match(store.problem(), /the disk of the Orca home is full/);
    t.throws(() => store.requireRoom(), { code: 'STORE_FULL', message: /KiB left/ });
    t.equal(store.services().length, written);
    t.equal(store.service(`shop/s${written}`), undefined);
    execFileSync('mount', ['-o', 'remount,size=4m', disk]);
    store.write((tx) => tx.putService(big(written)));
    t.equal(store.problem(), null);
    store.requireRoom();
    t.equal(store.services().length, written + 1);
    await store.close();
  },
);
