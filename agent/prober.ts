/**
 * Follows the health of one running container. Until it first answers it is asked in quick succession (a deploy waits on
 * it), afterwards at its interval. Readiness decides the phase; liveness begins once it was ready, and condemns.
 */
import type { ContainerSpec, Probe } from '../shared/spec.js';
import type { Engine } from './engine.js';
import type { Health } from './facts.js';
import { type Answer, runProbe } from './probe.js';
import { seconds } from './words.js';

export interface ProberOptions {
  engine: Engine;
  containerId: string;
  address: string | null;
  startedAtMs: number;
  spec: Pick<ContainerSpec, 'readiness' | 'liveness'>;
  /** It was ready when an earlier agent last looked: taken for ready until it fails its threshold. */
  wasReady: boolean;
  onHealth: (health: Health) => void;
}

/** Starts asking; the returned function ends it. */
export function startProber(options: ProberOptions): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  let health: Health = options.wasReady
    ? { phase: 'ready', reason: null, condemned: null }
    : { phase: 'starting', reason: null, condemned: null };
  let isLivenessOn = false;

  const set = (next: Partial<Health>): void => {
    const changed = { ...health, ...next };
    const same = (Object.keys(changed) as (keyof Health)[]).every((key) => changed[key] === health[key]);
    health = changed;
    if (!same && !signal.aborted) options.onHealth(health);
    if (health.phase === 'ready' && !isLivenessOn && options.spec.liveness) {
      isLivenessOn = true;
      follow(options.spec.liveness, options, { signal, hasAnswered: true }, (run) => {
        if (run.failures >= run.threshold) set({ condemned: `liveness failed: ${run.reason}` });
      });
    }
  };
  options.onHealth(health);
  set({});
  follow(options.spec.readiness, options, { signal, hasAnswered: options.wasReady }, (run) => {
    if (run.failures === 0) set({ phase: 'ready', reason: null });
    else if (health.phase === 'starting') set({ reason: run.reason });
    else if (run.failures >= run.threshold) set({ phase: 'unready', reason: run.reason });
  });
  return () => stopped.abort();
}

interface Run {
  /** Failures in a row; 0: it answered well. */
  failures: number;
  threshold: number;
  reason: string | null;
}

/** Asks again and again until aborted. Never two questions of one probe at a time. */
function follow(
  probe: Probe,
  options: ProberOptions,
  start: { signal: AbortSignal; hasAnswered: boolean },
  onRun: (run: Run) => void,
): void {
  const { signal } = start;
  const firstAtMs = options.startedAtMs + probe.initialDelayMs;
  let hasAnswered = start.hasAnswered;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });

  const again = (delayMs: number): void => {
    if (!signal.aborted) timer = setTimeout(() => void once(), delayMs);
  };
  const once = async (): Promise<void> => {
    const answer = await askOnce(probe, options);
    if (signal.aborted) return;
    if (answer.kind === 'ok') hasAnswered = true;
    if (answer.kind !== 'unknown') {
      failures = answer.kind === 'ok' ? 0 : failures + 1;
      const reason = answer.kind === 'failed' ? answer.reason : null;
      onRun({ failures, threshold: Math.max(1, probe.failureThreshold), reason });
    }
    again(nextDelayMs(probe, hasAnswered, Date.now() - firstAtMs));
  };
  again(Math.max(0, firstAtMs - Date.now()));
}

/** Before the first good answer a tenth of the time it has taken so far, at least 40 ms, at most the interval. */
export function nextDelayMs(probe: Probe, hasAnswered: boolean, elapsedMs: number): number {
  const intervalMs = Math.max(50, probe.intervalMs);
  if (probe.kind === 'stays-up') return Math.max(40, Math.min(intervalMs, probe.forMs - elapsedMs));
  if (hasAnswered) return intervalMs;
  const leastMs = probe.kind === 'command' ? 200 : 40;
  return Math.min(intervalMs, Math.max(leastMs, elapsedMs / 10));
}

async function askOnce(probe: Probe, options: ProberOptions): Promise<Answer> {
  if (probe.kind !== 'stays-up') return runProbe(probe, options, options.engine);
  const leftMs = options.startedAtMs + probe.initialDelayMs + probe.forMs - Date.now();
  if (leftMs <= 0) return { kind: 'ok' };
  return { kind: 'failed', reason: `ready when it has stayed up for ${seconds(probe.forMs)}` };
}
