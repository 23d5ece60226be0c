/** What is kept of the life of a rollout: what users did to it, how its job ended, what its windows came to. */

export type RequestSource = 'cli' | 'api' | 'webhook';

export interface Act {
  verb: 'promote' | 'weight' | 'pause' | 'resume' | 'rollback' | 'update' | 'cancel';
  detail: string;
  by: string;
  source: RequestSource;
  atMs: number;
}

/** How a pre_deploy job ended, with its last lines: its container is gone soon after. */
export interface JobRecord {
  allocation: string;
  release: number;
  exitCode: number | null;
  /** Why it was ended before it had ended by itself; absent: it was not. */
  stopped?: string;
  /** Fifty at most, each cut at 1,000 characters. */
  lines: string[];
  endedAtMs: number;
}

export interface Verdict {
  step: number;
  weight: number;
  fromMs: number;
  toMs: number;
  /** `prolonged`: its time was over with too few requests, and it went on. */
  result: 'passed' | 'failed' | 'prolonged';
  reason: string;
  stable: Measured;
  canary: Measured;
}

/** A window in numbers. */
export interface Measured {
  requests: number;
  /** Percent of 5xx; null without requests. */
  errorRate: number | null;
  p95Ms: number | null;
}
