/**
 * Keeps what programs and URLs give as credentials for registries, in memory: fetched anew for each deploy that needs one, every hour, and when
 * none is there. A deploy waits for it; when it can't be had the pull says why.
 */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Rollout } from '../../shared/model.js';
import { registryOf } from '../../shared/registry-host.js';

export type Given = { username: string; password: string; reason: null } | { password: null; reason: string };

/** Where they come from: a program on the master's host, or what is sealed of a URL. */
export type FreshSource = { command: readonly string[] } | { sealed: string };

export interface FreshCredentials {
  /** Of the host; null: they are on their way. */
  of(host: string, source: FreshSource): Given | null;
  /** Why the plan of a rollout that begins has to wait; null: it need not. */
  waitFor(rollout: Rollout, sourceOf: (host: string) => FreshSource | null): string | null;
  forget(host: string): void;
  /** Changes with what is held. */
  mark(): string;
}

interface Held {
  given: Given | null;
  askedAtMs: number;
  isAsking: boolean;
  hasFailed: boolean;
}

const STALE_MS = 3_600_000;
const AGAIN_MS = 30_000;

export function createFreshCredentials(options: {
  fetch: (source: FreshSource, host: string) => Promise<{ username: string; password: string }>;
  /** Something was fetched, or could not be. */
  onChange: () => void;
  log: Log;
  nowMs?: () => number;
}): FreshCredentials {
  const { fetch, log, nowMs = Date.now } = options;
  const held = new Map<string, Held>();

  /** What was given before stands while it is renewed, and goes on standing should that fail; but not for a deploy, which is told. */
  const ask = (host: string, source: FreshSource, isForDeploy: boolean): void => {
    const before = held.get(host);
    if (before?.isAsking) return;
    const now: Held = { given: before?.given ?? null, askedAtMs: nowMs(), isAsking: true, hasFailed: false };
    held.set(host, now);
    const over = (given: Given, hasFailed: boolean): void => {
      Object.assign(now, { given, hasFailed, isAsking: false });
      if (held.get(host) === now) options.onChange();
    };
    fetch(source, host).then(
      ({ username, password }) => over({ username, password, reason: null }, false),
      (error: unknown) => {
        const reason = `the credentials for ${host} could not be fetched: ${messageOf(error)}`;
        log.warn({ host, reason }, 'credentials for a registry');
        over(now.given?.password && !isForDeploy ? now.given : { password: null, reason }, true);
      },
    );
  };
  return {
    of(host, source) {
      const now = held.get(host);
      const afterMs = now?.hasFailed ? AGAIN_MS : STALE_MS;
      if (now === undefined || nowMs() - now.askedAtMs >= afterMs) ask(host, source, false);
      return held.get(host)?.given ?? null;
    },
    waitFor({ state, spec, startedAtMs, node }, sourceOf) {
      const host = registryOf(spec.container.image);
      const source = state === 'preparing' && node === null ? sourceOf(host) : null;
      if (source === null) return null;
      const now = held.get(host);
      if (now === undefined || now.askedAtMs < startedAtMs) ask(host, source, true);
      return held.get(host)?.isAsking ? `credentials for ${host} are being fetched` : null;
    },
    forget: (host) => void held.delete(host),
    mark: () => JSON.stringify([...held].map(([host, { given, askedAtMs }]) => [host, given && askedAtMs])),
  };
}
