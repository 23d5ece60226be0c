import t from 'tap';
import { fingerprint } from '../../../shared/fingerprint.js';

t.test('the order of keys does not matter, their values do', async (t) => {
  t.equal(fingerprint({ a: 1, b: [2, { c: 3, d: 4 }] }), fingerprint({ b: [2, { d: 4, c: 3 }], a: 1 }));
  t.not(fingerprint({ a: 1 }), fingerprint({ a: 2 }));
});
