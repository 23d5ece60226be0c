import t, { type Test } from 'tap';
import { type AuditAct, createAudit } from '../../../../master/control/audit.js';
import { pruneAudit } from '../../../../master/control/audit-prune.js';
import { auditAfter, readAudit, verifyAudit } from '../../../../master/control/audit-reader.js';
import { MAX_KINDS } from '../../../../master/control/audit-refusals.js';
import { createLogger } from '../../../../master/http/logger.js';
import type { Store } from '../../../../master/store/store.js';
import type { AuditEntry } from '../../../../shared/api-audit.js';
import { OrcaError } from '../../../../shared/errors.js';
import { fingerprint } from '../../../../shared/fingerprint.js';
import { aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const DAY_MS = 86_400_000;
const act: AuditAct = {
  ...{ kind: 'token', by: 'ci', from: '192.0.2.1', via: 'cli' },
  ...{ action: 'POST /services/:name/stop', path: '/services/api/stop' },
};

function aTrail(t: Test, store: Store = aStore(t)) {
  const clock = { nowMs: Date.parse('2026-11-27T12:00:00Z') };
  const trail = createAudit({
    store,
    retentionMs: () => 90 * DAY_MS,
    nowMs: () => clock.nowMs,
    log: createLogger('silent'),
  });
  t.teardown(() => trail.stop());
  const all = () => readAudit(store, { since: null, by: null, limit: 1_000 });
  return { trail, store, clock, all };
}

const stopService = (store: Store): void =>
  store.write((tx) => {
    tx.putService(aService({ desired: 'stopped' }));
    tx.addEvent({
      atMs: 1,
      kind: 'x',
      service: 'shop/api',
      node: null,
      rollout: null,
      message: 'shop/api: stop',
    });
  });

t.test('what a request changes is one commit with its entry, however many writes it makes', async (t) => {
  let commits = 0;
  const { trail, store, all } = aTrail(
    t,
    aStore(t, {
      onCommit: () => {
        commits += 1;
      },
    }),
  );
  await trail.during(act, async () => {
    stopService(store);
    store.write((tx) => tx.putMeta('more', 1));
  });
  t.equal(commits, 2);
  const [entry, ...more] = await all();
  t.same(more, []);
  t.match(entry, {
    ...act,
    ...{ number: 1, at: '2026-11-27T12:00:00.000Z', result: 'done', code: null, count: 1 },
    ...{ about: ['shop/api'], text: 'shop/api: stop', previous: '0'.repeat(64) },
  });
  const { hash, ...content } = entry ?? { hash: '' };
  t.equal(fingerprint(content), hash);
});

t.test('what is undone has no entry, and its refusal is told', async (t) => {
  const { trail, store, all } = aTrail(t);
  const refused = trail.during(act, async () =>
    store.write((tx) => {
      tx.putService(aService());
      throw new OrcaError('CONFLICT', 'not now');
    }),
  );
  await t.rejects(refused, { code: 'CONFLICT' });
  trail.stop();
  t.match(await all(), [{ result: 'refused', code: 'CONFLICT', text: 'not now', about: [] }]);
});

t.test('what fails after its change has both, in order', async (t) => {
  const { trail, store, all } = aTrail(t);
  await t.rejects(
    trail.during(act, async () => {
      stopService(store);
      throw new Error('a defect');
    }),
  );
  trail.stop();
  t.match(await all(), [
    { result: 'done' },
    { result: 'failed', code: 'INTERNAL', text: 'see the log of the master' },
  ]);
});

t.test('what changes nothing in the store is told before it is answered', async (t) => {
  const { trail, all } = aTrail(t);
  await trail.during({ ...act, action: 'POST /reload' }, async () => 'read');
  t.match(await all(), [{ action: 'POST /reload', result: 'done', about: [], text: null }]);
});

t.test('what a request only wakes is not its doing', async (t) => {
  const { trail, store, all } = aTrail(t);
  const later = await trail.during(act, async () => {
    stopService(store);
    return new Promise<() => void>((resolve) => setImmediate(() => resolve(() => stopService(store))));
  });
  later();
  t.equal((await all()).length, 1);
});

t.test('a hundred equal refusals are two entries', async (t) => {
  const { trail, all } = aTrail(t);
  for (let at = 0; at < 100; at += 1) trail.refused(act, new OrcaError('NOT_ALLOWED', 'no'));
  trail.refused({ ...act, by: 'other' }, new OrcaError('NOT_ALLOWED', 'no'));
  trail.stop();
  const entries = await all();
  t.same(
    entries.map(({ by, count }) => [by, count]),
    [
      ['ci', 1],
      ['other', 1],
      ['ci', 99],
    ],
  );
});

t.test('ten thousand different refusals of strangers do not drown the trail', async (t) => {
  const { trail, all } = aTrail(t);
  for (let at = 0; at < 10_000; at += 1)
    trail.refused(
      { ...act, kind: 'nobody', by: 'nobody', from: `10.0.${at >> 8}.${at & 255}` },
      new OrcaError('NOT_AUTHENTICATED', 'no'),
    );
  trail.stop();
  const entries = await all();
  t.ok(entries.length <= 2 * MAX_KINDS.nobody + 2, `${entries.length}`);
  t.equal(
    entries.reduce((sum, { count }) => sum + count, 0),
    10_000,
  );
});

t.test('entries are found by who and since when, and from a number on', async (t) => {
  const { trail, store, clock } = aTrail(t);
  for (const by of ['a', 'b', 'a']) {
    await trail.during({ ...act, by }, async () => 'done');
    clock.nowMs += 60_000;
  }
  const numbers = async (query: Partial<Parameters<typeof readAudit>[1]>) =>
    (await readAudit(store, { since: null, by: null, limit: 10, ...query })).map(({ number }) => number);
  t.same(await numbers({ by: 'a' }), [1, 3]);
  t.same(await numbers({ since: '2026-11-27T12:01:00.000Z' }), [2, 3]);
  t.same(await numbers({ limit: 1 }), [3]);
  t.same(
    auditAfter(store, 1).map(({ number }) => number),
    [2, 3],
  );
});

async function aWritten(t: Test, entries: number) {
  const made = aTrail(t);
  for (let at = 0; at < entries; at += 1) await made.trail.during({ ...act, by: `t${at}` }, async () => at);
  return made;
}

t.test('a whole trail is found whole, and goes on being so when its old part is removed', async (t) => {
  const { store, clock, trail } = await aWritten(t, 5);
  const kept = store.auditHead();
  t.match(await verifyAudit(store, null), {
    ok: true,
    entries: 5,
    first: 1,
    head: kept,
    anchor: null,
    broken: null,
  });
  clock.nowMs += 91 * DAY_MS;
  await trail.during(act, async () => 'new');
  t.equal(pruneAudit(store, 90 * DAY_MS, clock.nowMs), 5);
  t.match(await verifyAudit(store, null), {
    ok: true,
    entries: 2,
    first: 6,
    anchor: { number: 5 },
    broken: null,
  });
  t.match(await verifyAudit(store, kept), { ok: true }, 'what was kept is its anchor');
  t.match(store.auditEntry(7), { action: 'audit.prune', kind: 'master', text: /entries 1 to 5/ });
  await t.rejects(verifyAudit(store, { number: 2, hash: kept.hash }), {
    code: 'CONFLICT',
    message: /removed for its age/,
  });
  t.equal(pruneAudit(store, 90 * DAY_MS, clock.nowMs), 0);
  t.equal(pruneAudit(store, 90 * DAY_MS, clock.nowMs, 1), 1, 'more than it may hold goes too');
});

t.test('whatever was changed, taken out, put in or cut off is named by its number', async (t) => {
  const { store } = await aWritten(t, 6);
  const { auditEntry, auditHead } = store;
  const seen = new Map<number, AuditEntry | undefined>();
  for (let number = 1; number <= 6; number += 1) seen.set(number, auditEntry(number));
  const as = (change: (entries: Map<number, AuditEntry | undefined>) => void, head = auditHead()) => {
    const entries = new Map([...seen].map(([number, entry]) => [number, entry && structuredClone(entry)]));
    change(entries);
    return { ...store, auditEntry: (number: number) => entries.get(number), auditHead: () => head } as Store;
  };
  const rehashed = (entry: AuditEntry | undefined, change: Partial<AuditEntry>): AuditEntry => {
    const { hash: _, ...content } = { ...(entry as AuditEntry), ...change };
    return { ...content, hash: fingerprint(content) };
  };
  const cases: [what: string, number: number, reason: RegExp, Store][] = [
    ['changed', 3, /content was changed/, as((all) => Object.assign(all.get(3) ?? {}, { by: 'somebody' }))],
    [
      'changed and hashed',
      4,
      /does not follow/,
      as((all) => all.set(3, rehashed(all.get(3), { by: 'somebody' }))),
    ],
    ['taken out', 2, /missing/, as((all) => all.delete(2))],
    ['repeated', 5, /is entry 4/, as((all) => all.set(5, all.get(4)))],
    ['cut off', 6, /missing/, as((all) => all.delete(6))],
    [
      'cut off with its head',
      6,
      /behind the end/,
      as(() => undefined, { number: 5, hash: seen.get(5)?.hash ?? '' }),
    ],
    [
      'a last one hashed anew',
      6,
      /another entry/,
      as((all) => all.set(6, rehashed(all.get(6), { by: 'x' }))),
    ],
    ['no entry at all', 3, /missing|read/, as((all) => all.set(3, 'gone' as unknown as AuditEntry))],
  ];
  for (const [what, number, reason, broken] of cases)
    t.match(await verifyAudit(broken, null), { ok: false, broken: { number, reason } }, what);
});

t.test(
  'a trail that was written anew, or cut, is whole, and is found out by a head that was kept elsewhere',
  async (t) => {
    const { store: first } = await aWritten(t, 4);
    const kept = first.auditHead();
    const { store: other } = aTrail(t);
    for (let at = 0; at < 4; at += 1)
      other.write((tx) =>
        tx.addAudit({ ...act, result: 'done', code: null, about: [], text: null, count: 1 }, at),
      );
    t.match(await verifyAudit(other, null), { ok: true });
    t.match(await verifyAudit(other, kept), { ok: false, broken: { number: 4, reason: /written anew/ } });
    const { store: shorter } = await aWritten(t, 2);
    t.match(await verifyAudit(shorter, kept), {
      ok: false,
      broken: { number: 3, reason: /ends before entry 4/ },
    });
    t.match(await verifyAudit(first, kept), { ok: true });
  },
);
