/**
 * Keeps what programs give as credentials for registries, in memory: fetched anew for each deploy that needs one, every hour, and when
 * none is there. A deploy waits for it; when it can't be had the pull says why.
 */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Rollout } from '../../shared/model.js';
import { registryOf } from '../../shared/registry-host.js';

export type Given = { username: string; password: string; reason: null } | { password: null; reason: string };

export interface FreshCredentials {
  /** Of the host; null: they are on their way. */
  of(host: string, command: readonly string[]): Given | null;
  /** Why the plan of a rollout that begins has to wait; null: it need not. */
  waitFor(rollout: Rollout, commandOf: (host: string) => readonly string[] | null): string | null;
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
  fetch: (command: readonly string[], host: string) => Promise<{ username: string; password: string }>;
  /** Something was fetched, or could not be. */
  onChange: () => void;
  log: Log;
  nowMs?: () => number;
}): FreshCredentials {
  const { fetch, log, nowMs = Date.now } = options;
  const held = new Map<string, Held>();

  /** What was given before stands while it is renewed, and goes on standing should that fail; but not for a deploy, which is told. */
  const ask = (host: string, command: readonly string[], isForDeploy: boolean): void => {
    const before = held.get(host);
    if (before?.isAsking) return;
    const now: Held = { given: before?.given ?? null, askedAtMs: nowMs(), isAsking: true, hasFailed: false };
    held.set(host, now);
    const over = (given: Given, hasFailed: boolean): void => {
      Object.assign(now, { given, hasFailed, isAsking: false });
      if (held.get(host) === now) options.onChange();
    };
    fetch(command, host).then(
      ({ username, password }) => over({ username, password, reason: null }, false),
      (error: unknown) => {
        const reason = `the credentials for ${host} could not be fetched: ${messageOf(error)}`;
        log.warn({ host, reason }, 'credentials for a registry');
        over(now.given?.password && !isForDeploy ? now.given : { password: null, reason }, true);
      },
    );
  };
  return {
    of(host, command) {
      const now = held.get(host);
      const afterMs = now?.hasFailed ? AGAIN_MS : STALE_MS;
      if (now === undefined || nowMs() - now.askedAtMs >= afterMs) ask(host, command, false);
      return held.get(host)?.given ?? null;
    },
    waitFor({ state, spec, startedAtMs, node }, commandOf) {
      const host = registryOf(spec.container.image);
      const command = state === 'preparing' && node === null ? commandOf(host) : null;
      if (command === null) return null;
      const now = held.get(host);
      if (now === undefined || now.askedAtMs < startedAtMs) ask(host, command, true);
      return held.get(host)?.isAsking ? `credentials for ${host} are being fetched` : null;
    },
    forget: (host) => void held.delete(host),
    mark: () => JSON.stringify([...held].map(([host, { given, askedAtMs }]) => [host, given && askedAtMs])),
  };
}
