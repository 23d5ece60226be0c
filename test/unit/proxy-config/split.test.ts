import fc from 'fast-check';
import t from 'tap';
import { MAX_SPLIT_RECORDS, splitRecords } from '../../../proxy-config/split.js';

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

t.test('3 stable and 1 canary at 20 % are 4 records each and 3', async (t) => {
  t.same(splitRecords(3, 1, 20), { stable: [4, 4, 4], canary: [3] });
});

t.test('without a canary, or at weight 0, each stable allocation has one record', async (t) => {
  t.same(splitRecords(3, 0, 20), { stable: [1, 1, 1], canary: [] });
  t.same(splitRecords(2, 1, 0), { stable: [1, 1], canary: [0] });
  t.same(splitRecords(0, 1, 0), { stable: [], canary: [0] });
});

t.test('a group without allocations leaves all to the other', async (t) => {
  t.same(splitRecords(0, 2, 20), { stable: [], canary: [1, 1] });
  t.same(splitRecords(2, 0, 100), { stable: [1, 1], canary: [] });
  t.same(splitRecords(2, 1, 100), { stable: [0, 0], canary: [1] });
});

t.test(
  'the groups get exactly their shares, even in each group, in as few records as that takes',
  async (t) => {
    const count = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(count, count, fc.integer({ min: 1, max: 99 }), (stable, canary, weight) => {
        const records = splitRecords(stable, canary, weight);
        t.equal(sum(records.canary) * (100 - weight), sum(records.stable) * weight);
        for (const group of [records.stable, records.canary]) {
          t.ok(Math.min(...group) >= 1);
          t.ok(Math.max(...group) - Math.min(...group) <= 1);
        }
        const total = sum(records.stable) + sum(records.canary);
        t.ok(total <= Math.max(MAX_SPLIT_RECORDS, 100 * Math.max(stable, canary)), `${total} records`);
      }),
      { numRuns: 500 },
    );
  },
);
