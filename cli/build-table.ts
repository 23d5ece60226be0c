/** Builds as a table, and one of them in a line. */
import type { BuildView } from '../shared/api-builds.js';
import { formatDuration } from '../shared/duration.js';
import type { Output } from './output.js';
import { since } from './time.js';

export function buildTable(output: Output, builds: readonly BuildView[], nowMs: number): void {
  output.table(
    ['BUILD', 'SERVICE', 'COMMIT', 'AUTHOR', 'NODE', 'AGE', 'TOOK', 'SIZE', 'STATE'],
    builds.map((one) => [
      one.id,
      one.project === 'default' ? one.service : `${one.project}/${one.service}`,
      one.commit?.slice(0, 12) ?? one.ref.replace(/^refs\/(heads|tags)\//, ''),
      one.author ?? '–',
      one.node ?? '–',
      since(one.queued_at, nowMs),
      one.duration_ms === null ? '–' : formatDuration(one.duration_ms),
      one.size_bytes === null ? '–' : `${(one.size_bytes / 1e6).toFixed(1)} MB`,
      one.reason === null ? one.state : `${one.state}: ${one.reason}`,
    ]),
  );
}
