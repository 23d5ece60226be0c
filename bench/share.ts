/** PURE: how a share that was seen lies beside the one that was wanted, and what chance alone allows. */

export interface SeenShare {
  /** Answers of the canary's release, and of both. */
  canary: number;
  answers: number;
}

export interface ShareVerdict {
  /** All in percent, the last two in percentage points. */
  seen: number;
  difference: number;
  allowed: number;
  isWithin: boolean;
}

const ALLOWED_POINTS = 1;
const DEVIATIONS = 3;

/** Each request is given out by chance, so that the share of many is binomial: three deviations, but a point at least. */
export function judgeShare(wanted: number, { canary, answers }: SeenShare): ShareVerdict {
  if (answers === 0) throw new Error('nothing was measured');
  const share = wanted / 100;
  const deviation = 100 * Math.sqrt((share * (1 - share)) / answers);
  const seen = (100 * canary) / answers;
  const difference = seen - wanted;
  const allowed = Math.max(ALLOWED_POINTS, DEVIATIONS * deviation);
  return { seen, difference, allowed, isWithin: Math.abs(difference) <= allowed };
}
