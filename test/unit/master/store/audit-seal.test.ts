import t, { type Test } from 'tap';
import { pruneAudit } from '../../../../master/control/audit-prune.js';
import { verifyAudit } from '../../../../master/control/audit-reader.js';
import { openKeyring } from '../../../../master/keyring.js';
import { AUDIT_ANCHOR, AUDIT_HEAD } from '../../../../master/store/audit-marks.js';
import { openEnvironment } from '../../../../master/store/database.js';
import { openStore } from '../../../../master/store/store.js';
import { openTables, padded, type Tables } from '../../../../master/store/tables.js';
import type { AuditDraft } from '../../../../shared/api-audit.js';

const draft: AuditDraft = {
  ...({ kind: 'token', by: 'ci', from: null, via: null, action: 'x', path: null } as const),
  ...({ result: 'done', code: null, about: [], text: null, count: 1 } as const),
};

/** A home with a trail, which can be closed, written to by another hand, and opened again. */
function aHome(t: Test) {
  const home = t.testdir({});
  const path = `${home}/cluster.db`;
  const master = async <T>(
    work: (store: ReturnType<typeof openStore>, keys: ReturnType<typeof openKeyring>) => T,
  ) => {
    const store = openStore(path);
    const keys = openKeyring(home, {});
    keys.settle(store);
    const answer = await work(store, keys);
    await store.close();
    return answer;
  };
  const otherHand = async (work: (tables: Tables) => void) => {
    const env = openEnvironment(path, {});
    const tables = openTables(env);
    env.transaction(() => work(tables));
    await env.close();
  };
  const told = (count: number) =>
    master((store) => {
      for (let at = 1; at <= count; at += 1) store.write((tx) => tx.addAudit(draft, at * 1_000));
    });
  const verdict = () => master((store) => verifyAudit(store, null));
  return { master, otherHand, told, verdict };
}

t.test('a trail that was cut at both ends is found out, and stays so', async (t) => {
  const { otherHand, told, verdict } = aHome(t);
  await told(6);
  t.match(await verdict(), { ok: true, entries: 6 });
  await otherHand((tables) => {
    const at = (number: number) => tables.audit.get(padded(number));
    tables.meta.put(AUDIT_ANCHOR, { number: 1, hash: at(1)?.hash });
    tables.meta.put(AUDIT_HEAD, { number: 5, hash: at(5)?.hash });
    for (const number of [1, 6]) tables.audit.remove(padded(number));
  });
  t.match(await verdict(), { ok: false, broken: { number: 5, reason: /not as the master sealed it/ } });
  await told(2);
  t.match(
    await verdict(),
    { ok: false, broken: { reason: /not as the master sealed it/ } },
    'what comes hides nothing',
  );
});

t.test('without its seal, or with that of before, it is no better', async (t) => {
  const { otherHand, told, verdict } = aHome(t);
  await told(2);
  let before: unknown;
  await otherHand((tables) => {
    before = tables.meta.get('audit-seal');
  });
  await told(2);
  await otherHand((tables) => tables.meta.put('audit-seal', before));
  t.match(await verdict(), { ok: false });
  await otherHand((tables) => tables.meta.remove('audit-seal'));
  t.match(await verdict(), { ok: false });
});

t.test(
  'one that is wiped out is not whole while the master runs, and anew with the next start',
  async (t) => {
    const { master, otherHand, told, verdict } = aHome(t);
    const isAnew = () => master((store) => store.isAuditAnew());
    t.notOk(await isAnew(), 'a new home');
    await told(2);
    t.notOk(await isAnew());
    const wipe = (tables: Tables): void => {
      for (const key of tables.audit.keys()) tables.audit.remove(key);
      for (const key of [AUDIT_ANCHOR, AUDIT_HEAD, 'audit-seal']) tables.meta.remove(key);
    };
    await master(async (store) => {
      await otherHand(wipe);
      t.match(await verifyAudit(store, null), {
        ok: false,
        broken: { reason: /not as the master sealed it/ },
      });
    });
    t.ok(await isAnew());
    t.ok(await isAnew(), 'until something is told');
    await told(1);
    t.notOk(await isAnew());
    t.match(await verdict(), { ok: true, entries: 1 });
  },
);

t.test('what the master does itself keeps it whole: more entries, age, a new key', async (t) => {
  const { master, told, verdict } = aHome(t);
  t.match(await verdict(), { ok: true, entries: 0 });
  await told(5);
  await master((store) => pruneAudit(store, 3_000, 6_000));
  t.match(await verdict(), { ok: true, anchor: { number: 2 } });
  await master((store, keys) => {
    keys.rotate(store);
    store.write((tx) => tx.addAudit(draft, 9_000));
  });
  t.match(await verdict(), { ok: true });
  await told(1);
  t.match(await verdict(), { ok: true });
});

t.test('the trail of an earlier version, which sealed none, is sealed as it is found', async (t) => {
  const home = t.testdir({});
  const store = openStore(`${home}/cluster.db`);
  t.teardown(() => store.close());
  store.write((tx) => tx.addAudit(draft, 1));
  openKeyring(home, {}).settle(store);
  t.match(await verifyAudit(store, null), { ok: true, entries: 1 });
  store.write((tx) => tx.addAudit(draft, 2));
  t.ok(store.isAuditSealed());
});
