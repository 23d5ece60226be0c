import t, { type Test } from 'tap';
import { retryNow } from '../../../../master/control/acme-retry.js';
import type { AcmeRecord } from '../../../../master/store/tables.js';
import { aStore } from '../../../support/a-store.js';

const NAME = 'a.example.com';
const HOUR = 3_600_000;
const settings = {
  ...{ directory: 'https://ca/dir', email: 'a@b.c', trustedRoots: [], eab: null, resolvers: [] },
};
const failed: AcmeRecord = {
  ...{
    name: NAME,
    directory: settings.directory,
    certificate: null,
    order: null,
    failures: 4,
    nextAtMs: HOUR,
  },
  problem: { atMs: 0, reason: 'ca refused (rateLimited): too many', todo: null },
};
const certificate = {
  ...{ certPem: 'C', sealedKey: 'K', issuer: 'a CA', notBeforeMs: 0, notAfterMs: 1_000 * HOUR },
};

t.test('a name that waits is tried now, and its count of failures goes on', async (t) => {
  const { store, retry, woken } = setUp(t);
  store.write((tx) => tx.putAcme(failed));
  t.match(retry('A.example.com'), /^a\.example\.com is tried now/);
  t.match(store.acmeRecord(NAME), { failures: 4, nextAtMs: 1_000, problem: { reason: /too many/ } });
  t.equal(woken(), 1);
  t.match(store.events(1), [{ kind: 'certificate.retried', message: /^ann .*a\.example\.com/ }]);
});

t.test('not before the CA allows it, nor where nothing waits', async (t) => {
  const { store, retry, woken } = setUp(t);
  const refused = (name: string, code: string, message: RegExp) =>
    t.throws(() => retry(name), { code, message }, name);
  t.match(retry(NAME), /is tried already/);
  const put = (more: Partial<AcmeRecord>) => store.write((tx) => tx.putAcme({ ...failed, ...more }));
  put({ notBeforeMs: HOUR });
  refused(NAME, 'CONFLICT', /the CA allows nothing before 1970-01-01 01:00 UTC: ca refused \(rateLimited\)/);
  put({ certificate, failures: 0, nextAtMs: 0, problem: null });
  refused(NAME, 'CONFLICT', /waits for nothing: its certificate lasts until 1970-02-11 16:00 UTC/);
  put({ directory: 'https://other/dir' });
  t.match(retry(NAME), /is tried already/, 'a wait of another CA');
  refused('stranger.example.com', 'NOT_FOUND', /no certificate is wanted for "stranger/);
  refused('*.example.com', 'CONFLICT', /wildcard/);
  refused('mine.example.com', 'CONFLICT', /has a certificate of yours/);
  t.throws(() => setUp(t, null).retry(NAME), { code: 'CONFLICT', message: /ACME is off/ });
  t.equal(woken(), 0);
});

function setUp(t: Test, of: typeof settings | null = settings) {
  const store = aStore(t);
  let woken = 0;
  const options = {
    store,
    settings: () => of,
    wanted: () => new Set([NAME, '*.example.com']),
    isCovered: (name: string) => name === 'mine.example.com',
    wake: () => {
      woken += 1;
    },
  };
  return { store, woken: () => woken, retry: (name: string) => retryNow(options, name, 'ann', 1_000) };
}
