/**
 * The figures that one agent has sent, by service. Each message is complete, so the last one is all there is to keep; an
 * epoch of counting is part of where they come from, since differences between two epochs say nothing.
 */
import type { Counted } from '../../shared/model.js';
import type { AgentMessage } from '../../shared/protocol.js';

export type HeardFigures = ReadonlyMap<string, Counted[]>;

/** A message as it is kept; `source` is `node|epoch`. */
export function heardFigures(
  node: string,
  { epoch, figures }: Extract<AgentMessage, { type: 'figures' }>,
): HeardFigures {
  const heard = new Map<string, Counted[]>();
  for (const one of figures) {
    const known = heard.get(one.service) ?? [];
    known.push({ ...one, source: `${node}|${epoch}` });
    heard.set(one.service, known);
  }
  return heard;
}

/** Services of which more, less or something else was counted than before. */
export function changedServices(before: HeardFigures | null, after: HeardFigures): string[] {
  const all = new Set([...(before?.keys() ?? []), ...after.keys()]);
  return [...all].filter((service) => markOf(before?.get(service)) !== markOf(after.get(service)));
}

/** Counts only grow within a source, so that their totals tell two messages apart. */
function markOf(counted: readonly Counted[] | undefined): string {
  return (counted ?? []).map((one) => `${one.source} ${one.release} ${one.requests}`).join(',');
}
