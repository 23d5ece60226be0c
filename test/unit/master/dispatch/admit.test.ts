import t from 'tap';
import { admit, type Known } from '../../../../master/dispatch/admit.js';
import { closeCodes } from '../../../../shared/close-codes.js';

const known: Known = {
  isKnown: (node) => node === 'n-1',
  isRemoved: (node) => node === 'n-gone',
  sinceMs: 5_000,
};

t.test(
  'a known node with a certificate that lasts is let in; anybody else has a code and what to do',
  async (t) => {
    t.same(admit({ node: 'n-1', isExpired: false }, known), { node: 'n-1', isStranger: false });
    for (const [peer, code] of [
      [null, closeCodes.notAuthorized],
      [{ node: 'n-2', isExpired: false }, closeCodes.unknownNode],
      [{ node: 'n-2', isExpired: true }, closeCodes.unknownNode],
      [{ node: 'n-1', isExpired: true }, closeCodes.certificateExpired],
      [{ node: 'n-2', isExpired: false, issuedAtMs: 5_000 }, closeCodes.unknownNode],
      [{ node: 'n-gone', isExpired: false, issuedAtMs: 4_000 }, closeCodes.unknownNode],
      [{ node: 'n-2', isExpired: true, issuedAtMs: 4_000 }, closeCodes.certificateExpired],
      [{ node: 'x'.repeat(500), isExpired: false }, closeCodes.unknownNode],
    ] as const) {
      const refused = admit(peer, known) as { code: number; reason: string };
      t.equal(refused.code, code);
      t.match(refused.reason, /orca join/);
      t.ok(Buffer.byteLength(refused.reason) <= 123, 'it fits into a close frame');
    }
  },
);

t.test('a node of before the store was lost or restored is let in as a stranger', async (t) => {
  const peer = { node: 'n-2', isExpired: false, issuedAtMs: 4_000 };
  t.same(admit(peer, known), { node: 'n-2', isStranger: true });
  t.match(admit(peer, { ...known, sinceMs: 0 }), { code: closeCodes.unknownNode }, 'a store that knows all');
});
