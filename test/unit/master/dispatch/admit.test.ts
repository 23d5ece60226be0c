import t from 'tap';
import { admit } from '../../../../master/dispatch/admit.js';
import { closeCodes } from '../../../../shared/protocol.js';

const isKnown = (node: string): boolean => node === 'n-1';

t.test(
  'a known node with a certificate that lasts is let in; anybody else has a code and what to do',
  async (t) => {
    t.same(admit({ node: 'n-1', isExpired: false }, isKnown), { node: 'n-1' });
    for (const [peer, code] of [
      [null, closeCodes.notAuthorized],
      [{ node: 'n-2', isExpired: false }, closeCodes.unknownNode],
      [{ node: 'n-2', isExpired: true }, closeCodes.unknownNode],
      [{ node: 'n-1', isExpired: true }, closeCodes.certificateExpired],
      [{ node: 'x'.repeat(500), isExpired: false }, closeCodes.unknownNode],
    ] as const) {
      const refused = admit(peer, isKnown) as { code: number; reason: string };
      t.equal(refused.code, code);
      t.match(refused.reason, /orca join/);
      t.ok(Buffer.byteLength(refused.reason) <= 123, 'it fits into a close frame');
    }
  },
);
