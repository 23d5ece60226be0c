/** What is said of a row of measurements: the median, and how far the middle half of them spreads. */

export interface Summary {
  median: number;
  /** First and third quartile. */
  low: number;
  high: number;
  count: number;
}

/** The summary of at least one value, in the values' own unit. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    count: sorted.length,
  };
}

/** The value that `share` percent of at least one value are not above, in the values' own unit. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('nothing was measured');
  return quantile(
    [...values].sort((a, b) => a - b),
    share / 100,
  );
}

/** Linear between the two nearest values. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}
