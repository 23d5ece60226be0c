/**
 * Latencies as counts in fixed buckets: small enough for a message, and addable over nodes and time. Each bucket is a
 * tenth wider than the one before, so that a percentile is right within 5 %. Both programs agree on the bounds.
 */

const FIRST_MS = 0.5;
const GROWTH = 1.1;

/** 0.5 ms × 1.1^124 is 68 s: the last bucket also holds what takes longer. */
export const LATENCY_BUCKETS = 125;

/** The bucket of a latency in ms: 0 to `LATENCY_BUCKETS` − 1. */
export function bucketOf(ms: number): number {
  if (!(ms > FIRST_MS)) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH)));
}

/** The `percent`th percentile in ms (the middle of its bucket), or null when nothing was counted. */
export function percentileOf(buckets: readonly number[], percent: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = Math.max(1, Math.ceil((total * percent) / 100));
  let seen = 0;
  const index = buckets.findIndex((count) => {
    seen += count;
    return seen >= rank;
  });
  return middleOf(index);
}

/** What a latency in the bucket is taken for, in ms. */
export function middleOf(bucket: number): number {
  return bucket <= 0 ? FIRST_MS : FIRST_MS * GROWTH ** (bucket - 0.5);
}

/** The greatest latency that the bucket holds, in ms; the last bucket has none. */
export function upperBoundOf(bucket: number): number {
  return FIRST_MS * GROWTH ** bucket;
}
