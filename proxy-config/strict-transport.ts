/** PURE: `Strict-Transport-Security` (RFC 6797) for the names that are to send it. A header of the application's own wins. */
import type { Ingress } from './route.js';

const HEADER = 'Strict-Transport-Security';

/** Routes for all requests of the HTTPS server; which names, is the master's business. */
export function strictTransport({ hsts = [] }: Pick<Ingress, 'hsts'>): object[] {
  return hsts.map(({ value, names }) => ({
    match: [{ host: names }],
    // `null`: where the answer has none. It is looked at when the answer is there.
    handle: [
      {
        handler: 'headers',
        response: { deferred: true, require: { headers: { [HEADER]: null } }, set: { [HEADER]: [value] } },
      },
    ],
  }));
}
