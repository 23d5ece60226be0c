/** PURE: Docker's stream of a pull or a push → one percent over the bytes of all layers. It never goes back. */

/** One line of the stream, as far as it is read. */
export interface PullLine {
  id?: unknown;
  status?: unknown;
  progressDetail?: { current?: unknown; total?: unknown };
  error?: unknown;
}

export interface PullProgress {
  layers: Map<string, { current: number; total: number }>;
  percent: number;
}

export const noProgress = (): PullProgress => ({ layers: new Map(), percent: 0 });

/** Takes one line in (changes `progress`); true when the percent grew. 100 is said only by the end of the pull. */
export function advancePull(progress: PullProgress, line: PullLine): boolean {
  const { id, status, progressDetail } = line;
  if (typeof id !== 'string' || typeof status !== 'string') return false;
  const layer = progress.layers.get(id);
  if (status === 'Downloading' || status === 'Pushing') {
    const current = numberOf(progressDetail?.current);
    progress.layers.set(id, { current, total: Math.max(numberOf(progressDetail?.total), current) });
  } else if (layer && /^(Download complete|Pull complete|Verifying|Extracting|Pushed)/.test(status)) {
    layer.current = layer.total;
  }
  const layers = [...progress.layers.values()];
  const total = layers.reduce((sum, { total: bytes }) => sum + bytes, 0);
  const current = layers.reduce((sum, { current: bytes }) => sum + bytes, 0);
  const percent = total === 0 ? 0 : Math.min(99, Math.floor((100 * current) / total));
  if (percent <= progress.percent) return false;
  progress.percent = percent;
  return true;
}

const numberOf = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
