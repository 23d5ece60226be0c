/** Durations as people write them: `300ms`, `10s`, `5m`, `1h30m`, `2d`. Files use numbers in `…_secs` keys instead. */

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

/** Milliseconds of a duration text; a bare number means seconds. Null when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * unitMs[unit as Unit];
  }
  return totalMs;
}

/** A duration in its two greatest units, such as `1h 30m`, `4.2s` or `300ms`; for people, not for parsing. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${trimZero((ms / 1_000).toFixed(1))}s`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)}s`;
  const units: Unit[] = ['d', 'h', 'm', 's'];
  const first = units.findIndex((unit) => ms >= unitMs[unit]);
  const major = units[first] ?? 's';
  const minor = units[first + 1] ?? 's';
  const whole = Math.floor(ms / unitMs[major]);
  const rest = Math.floor((ms % unitMs[major]) / unitMs[minor]);
  return rest === 0 ? `${whole}${major}` : `${whole}${major} ${rest}${minor}`;
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, '');
}
