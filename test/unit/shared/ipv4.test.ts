import fc from 'fast-check';
import t from 'tap';
import { addressText, contains, overlap, readAddress, readRange, sizeOf } from '../../../shared/ipv4.js';

t.test('addresses and ranges are read, and what is neither is null', async (t) => {
  t.equal(readAddress('10.213.0.1'), 0x0ad50001);
  t.same(readRange('10.213.0.0/16'), { base: 0x0ad50000, prefix: 16 });
  t.same(readRange('10.0.0.1'), { base: 0x0a000001, prefix: 32 });
  t.same(readRange('0.0.0.0/0'), { base: 0, prefix: 0 });
  for (const text of ['10.213.0.0/33', '10.213.0.1/16', '10.213/16', '256.0.0.0', '::1', '', '1.2.3.4/5/6'])
    t.equal(readRange(text), null, text);
});

t.test('every address is read back, and ranges overlap just when an address is in both', async () => {
  const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([at, prefix]) => {
    const size = sizeOf({ base: 0, prefix });
    return { base: at - (at % size), prefix };
  });
  fc.assert(fc.property(address, (at) => readAddress(addressText(at)) === at));
  fc.assert(
    fc.property(range, range, (a, b) => {
      const [small, wide] = a.prefix >= b.prefix ? [a, b] : [b, a];
      return overlap(a, b) === contains(wide, small.base) && overlap(a, b) === overlap(b, a);
    }),
  );
});
