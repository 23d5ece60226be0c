/** What `GET /metrics` says of wrong tokens. PURE. */
import type { Guessing } from './guessing.js';
import { metric } from './metrics-text.js';

export function guessingLines(
  guessing: Pick<Guessing, 'failures' | 'waits' | 'slowed'>,
  nowMs: number,
): string {
  return [
    ...metric(
      'orca_auth_failures_total',
      'counter',
      'Requests with a token that is not known, since the master started.',
      [[{}, guessing.failures()]],
    ),
    ...metric('orca_auth_slowed_total', 'counter', 'Those of them that were told to wait.', [
      [{}, guessing.waits()],
    ]),
    ...metric(
      'orca_auth_slowed_sources',
      'gauge',
      'Addresses from which so many wrong tokens come that they are slowed.',
      [[{}, guessing.slowed(nowMs).length]],
    ),
    '',
  ].join('\n');
}
