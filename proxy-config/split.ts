/**
 * Decides how many records each allocation of a stable and a canary group gets, PURE, so that a random choice among
 * all records gives the canary group its percentage.
 *
 * Exact and even within each group while that takes few records; beyond, the groups' shares stay exact and
 * allocations of one group differ by one record.
 */

/** Above this an answer costs more than an uneven spread inside a group does. */
export const MAX_SPLIT_RECORDS = 400;

/**
 * Records per stable and per canary allocation, in the order of the allocations. `weight` is the canary's percentage,
 * taken as a whole number of at least 1 when it is above 0. A group without allocations leaves all to the other, but a
 * canary of weight 0 never gets any.
 */
export function splitRecords(
  stable: number,
  canary: number,
  weight: number,
): { stable: number[]; canary: number[] } {
  const percent = wholePercent(weight);
  if (canary === 0 || percent === 0) return { stable: ones(stable, 1), canary: ones(canary, 0) };
  if (stable === 0) return { stable: [], canary: ones(canary, 1) };
  if (percent === 100) return { stable: ones(stable, 0), canary: ones(canary, 1) };
  const divisor = gcd((100 - percent) * canary, percent * stable);
  const each = { stable: ((100 - percent) * canary) / divisor, canary: (percent * stable) / divisor };
  if (each.stable * stable + each.canary * canary <= MAX_SPLIT_RECORDS) {
    return { stable: ones(stable, each.stable), canary: ones(canary, each.canary) };
  }
  return nearlyEven(stable, canary, percent);
}

function nearlyEven(stable: number, canary: number, percent: number): { stable: number[]; canary: number[] } {
  const divisor = gcd(100 - percent, percent);
  const shares = { stable: (100 - percent) / divisor, canary: percent / divisor };
  const enough = Math.max(Math.ceil(stable / shares.stable), Math.ceil(canary / shares.canary));
  const times = Math.max(enough, Math.floor(MAX_SPLIT_RECORDS / (shares.stable + shares.canary)));
  return { stable: spread(shares.stable * times, stable), canary: spread(shares.canary * times, canary) };
}

function spread(total: number, over: number): number[] {
  return Array.from({ length: over }, (_, i) => Math.floor(total / over) + (i < total % over ? 1 : 0));
}

function wholePercent(weight: number): number {
  if (!(weight > 0)) return 0;
  if (weight >= 100) return 100;
  return Math.min(99, Math.max(1, Math.round(weight)));
}

function ones(length: number, value: number): number[] {
  return Array.from({ length }, () => value);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
