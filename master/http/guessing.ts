/**
 * Slows those who guess tokens, by the address that the connection comes from (of IPv6 its /64) and all of them together. Wrong ones are
 * counted in windows of a minute; beyond so many a source is slowed: it is answered 429 with the time to wait, and what it shows is looked at
 * only every two seconds, so that more guesses gain nothing.
 *
 * Right tokens go on working from there: one that Orca made has an id and 256 random bits, and is always looked at; any other (a `[[token]]`)
 * is when it was right from there before. No forwarding header is believed: behind a proxy all of its clients are one source.
 *
 * Bounded: so many sources and proofs are remembered, the oldest forgotten first.
 */
import { isIPv6 } from 'node:net';

export interface Guessing {
  /** For so many seconds nothing is looked at; 0: it may be. */
  waitSecs(address: string, hash: string, nowMs: number): number;
  /** Counts a wrong one. */
  failed(address: string, nowMs: number): { waitSecs: number; isNew: boolean };
  /** It was right from there. */
  proved(address: string, hash: string): void;
  failures(): number;
  /** Answers that said to wait. */
  waits(): number;
  slowed(nowMs: number): { from: string; failures: number; untilMs: number }[];
}

export interface GuessingLimits {
  perSource: number;
  inAll: number;
}

const WINDOW_MS = 60_000;
const LOOK_EVERY_MS = 2_000;
const MAX_SOURCES = 10_000;
const MAX_PROOFS = 2_000;
const EVERYBODY = 'everywhere';
export const LIMITS: GuessingLimits = { perSource: 10, inAll: 300 };

interface Source {
  failures: number;
  sinceMs: number;
  lookedAtMs: number;
}

export function createGuessing({ perSource, inAll } = LIMITS): Guessing {
  const sources = new Map<string, Source>();
  const proofs = new Set<string>();
  const totals = { failures: 0, waits: 0 };
  const stateOf = (source: string, nowMs: number): Source | null => {
    const known = sources.get(source);
    if (!known || nowMs - known.sinceMs < WINDOW_MS) return known ?? null;
    sources.delete(source);
    return null;
  };
  const limitOf = (source: string): number => (source === EVERYBODY ? inAll : perSource);
  const slowedNow = (source: string, nowMs: number): Source | null => {
    const state = stateOf(source, nowMs);
    return state && state.failures >= limitOf(source) ? state : null;
  };
  const count = (source: string, nowMs: number): Source => {
    const state = stateOf(source, nowMs) ?? { failures: 0, sinceMs: nowMs, lookedAtMs: nowMs };
    state.failures += 1;
    sources.set(source, state);
    if (sources.size > MAX_SOURCES) forgetOne();
    return state;
  };
  /** They are in the order of their first failure. */
  const forgetOne = (): void => {
    for (const source of sources.keys())
      if (source !== EVERYBODY) {
        sources.delete(source);
        return;
      }
  };
  const secsLeft = ({ sinceMs }: Source, nowMs: number): number =>
    Math.max(1, Math.ceil((sinceMs + WINDOW_MS - nowMs) / 1_000));
  return {
    waitSecs(address, hash, nowMs) {
      const source = sourceOf(address);
      const state = slowedNow(source, nowMs) ?? slowedNow(EVERYBODY, nowMs);
      if (!state || proofs.has(`${source} ${hash}`)) return 0;
      if (nowMs - state.lookedAtMs >= LOOK_EVERY_MS) {
        state.lookedAtMs = nowMs;
        return 0;
      }
      totals.failures += 1;
      totals.waits += 1;
      return secsLeft(state, nowMs);
    },
    failed(address, nowMs) {
      const source = sourceOf(address);
      totals.failures += 1;
      const all = count(EVERYBODY, nowMs);
      const state = count(source, nowMs);
      const isOver = state.failures >= perSource || all.failures >= inAll;
      if (!isOver) return { waitSecs: 0, isNew: false };
      totals.waits += 1;
      return {
        waitSecs: secsLeft(state, nowMs),
        isNew: state.failures === perSource || all.failures === inAll,
      };
    },
    proved(address, hash) {
      proofs.add(`${sourceOf(address)} ${hash}`);
      const oldest = proofs.size > MAX_PROOFS ? proofs.values().next().value : undefined;
      if (oldest !== undefined) proofs.delete(oldest);
    },
    failures: () => totals.failures,
    waits: () => totals.waits,
    slowed: (nowMs) =>
      [...sources.keys()].flatMap((source) => {
        const state = slowedNow(source, nowMs);
        return state ? [{ from: source, failures: state.failures, untilMs: state.sinceMs + WINDOW_MS }] : [];
      }),
  };
}

/** Who has one address of a /64 has all of them. */
export function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
