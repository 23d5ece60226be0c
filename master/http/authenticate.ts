/**
 * Who calls: the bearer token of a request. One that guesses is slowed (`guessing.ts`), and that somebody is, is told in an event, so many
 * times and no more.
 */
import { OrcaError } from '../../shared/errors.js';
import { hashSecret } from '../../shared/secret-hash.js';
import type { Store } from '../store/store.js';
import type { Caller, Tokens } from './access-ports.js';
import type { Guessing } from './guessing.js';

export interface AuthenticateOptions {
  tokens: Pick<Tokens, 'judge' | 'isNamed' | 'used'>;
  guessing: Guessing;
  store: Pick<Store, 'write'>;
  nowMs: () => number;
}

/** Events of it in ten minutes; the rest is in the audit trail and the metrics. */
const MAX_EVENTS = 10;
const EVENTS_WINDOW_MS = 600_000;

/** The token in an Authorization header, from that address. Throws NOT_AUTHENTICATED and TOO_MANY_REQUESTS. */
export function createAuthenticate({ tokens, guessing, store, nowMs }: AuthenticateOptions) {
  const told = { count: 0, sinceMs: 0 };
  const tell = (address: string): void => {
    if (nowMs() - told.sinceMs >= EVENTS_WINDOW_MS) Object.assign(told, { count: 0, sinceMs: nowMs() });
    told.count += 1;
    if (told.count > MAX_EVENTS) return;
    const message = `wrong tokens come from ${address}: they are answered more slowly for a minute`;
    try {
      store.write((tx) =>
        tx.addEvent({
          atMs: nowMs(),
          kind: 'auth.slowed',
          service: null,
          node: null,
          rollout: null,
          message,
        }),
      );
    } catch {
      // A full disk; the caller is answered all the same.
    }
  };
  return (header: string | undefined, address: string): Caller => {
    const text = /^Bearer\s+(\S+)$/i.exec(header ?? '')?.[1];
    if (text === undefined) throw new OrcaError('NOT_AUTHENTICATED', 'no token was sent');
    const hash = hashSecret(text);
    const waitSecs = tokens.isNamed(text) ? 0 : guessing.waitSecs(address, hash, nowMs());
    if (waitSecs > 0) throw slowed(address, waitSecs);
    const judged = tokens.judge(text);
    if (judged.ok) {
      guessing.proved(address, hash);
      tokens.used(judged.token, address);
      return judged.token;
    }
    if (!judged.isGuess) throw judged.refusal;
    const failed = guessing.failed(address, nowMs());
    if (failed.isNew) tell(address);
    throw failed.waitSecs > 0 ? slowed(address, failed.waitSecs) : judged.refusal;
  };
}

const slowed = (address: string, secs: number): OrcaError =>
  new OrcaError('TOO_MANY_REQUESTS', `too many wrong tokens came from ${address}`, {
    hint: `Wait ${secs} s. A token of \`orca token create\` that is right works all the while.`,
    details: { retry_after_secs: secs },
  });
