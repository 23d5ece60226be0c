import t from 'tap';
import {
  dueAtMs,
  isForgotten,
  ordersInWindow,
  refusalOf,
  renewsAtMs,
  retryAtMs,
  roomAtMs,
} from '../../../../master/plan/acme.js';

const MINUTE = 60_000;
const record = (more: object = {}) => ({
  ...{ directory: 'https://ca/dir', certificate: null, failures: 0, nextAtMs: 0 },
  ...more,
});

t.test('what no public CA issues for is not ordered', async (t) => {
  for (const name of [
    ...[
      'localhost',
      'app.localhost',
      'db.internal',
      'printer.local',
      'a.test',
      'x.invalid',
      'x.onion',
      'nas.home.arpa',
    ],
    ...['10.0.0.1', '::1', 'intranet', '*.example.com'],
  ])
    t.ok(refusalOf(name, false), name);
  for (const name of [
    'example.com',
    'a.b.example.com',
    'localhost.example.com',
    'mytest',
    'xn--bcher-kva.example',
  ])
    t.equal(refusalOf(name, false) === null, name.includes('.'), name);
  t.equal(refusalOf('*.example.com', true), null, 'where DNS-01 is set up');
  for (const name of ['*.com', '*.app.localhost', '*.corp.internal']) t.ok(refusalOf(name, true), name);
});

t.test(
  'a name is due at once, after its wait, or when two thirds of its certificate have passed',
  async (t) => {
    t.equal(dueAtMs(undefined, 'https://ca/dir'), 0);
    t.equal(dueAtMs(record({ nextAtMs: 7 }), 'https://ca/dir'), 7);
    const certificate = { notBeforeMs: 1_000, notAfterMs: 4_000 };
    t.equal(renewsAtMs(certificate), 3_000);
    t.equal(dueAtMs(record({ certificate }), 'https://ca/dir'), 3_000);
    t.equal(dueAtMs(record({ certificate, nextAtMs: 3_500 }), 'https://ca/dir'), 3_500, 'renewal failed');
    t.equal(dueAtMs(record({ certificate, nextAtMs: 3_500 }), 'https://other/dir'), 0, 'another CA');
    const kept = record({
      directory: 'https://other/dir',
      certificate: { ...certificate, directory: 'https://ca/dir' },
    });
    t.equal(dueAtMs(kept, 'https://ca/dir'), 3_000, 'and back, before the other has issued');
  },
);

t.test(
  'of a name that is gone its certificate is known while it lasts, its tries a day beyond their wait',
  async (t) => {
    const day = 24 * 60 * MINUTE;
    const certificate = { notBeforeMs: 0, notAfterMs: 90 * day };
    t.equal(isForgotten(record({}), 0), true);
    t.equal(isForgotten(record({ certificate }), 89 * day), false);
    t.equal(isForgotten(record({ certificate }), 90 * day), true);
    t.equal(isForgotten(record({ failures: 4, nextAtMs: MINUTE }), day), false);
    t.equal(isForgotten(record({ failures: 4, nextAtMs: MINUTE }), day + MINUTE), true);
    t.equal(isForgotten(record({ certificate, failures: 1, nextAtMs: 90 * day }), 90 * day), false);
  },
);

t.test('1, 5, 15 minutes, then each hour, and never before the CA allows it', async (t) => {
  t.same(
    [1, 2, 3, 4, 5, 50].map((failures) => retryAtMs(failures, 0) / MINUTE),
    [1, 5, 15, 60, 60, 60],
  );
  t.equal(retryAtMs(1, 0, 90 * MINUTE), 90 * MINUTE);
  const tries = [0];
  for (let i = 1; i < 20; i += 1) tries.push(retryAtMs(i, tries.at(-1) ?? 0));
  for (const from of tries)
    t.ok(
      tries.filter((at) => at >= from && at < from + 60 * MINUTE).length <= 5,
      "Let's Encrypt: five an hour",
    );
});

t.test('250 orders in three hours', async (t) => {
  const orders = Array.from({ length: 249 }, (_, i) => i);
  t.equal(roomAtMs(orders, 1_000), 0);
  t.equal(roomAtMs([...orders, 249], 1_000), 180 * MINUTE);
  t.equal(roomAtMs([...orders, 249], 180 * MINUTE), 0, 'the first is three hours old');
  t.same(ordersInWindow([1, 2, 3], 180 * MINUTE + 2), [3]);
});
