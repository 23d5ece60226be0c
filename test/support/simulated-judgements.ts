/** What the master judges of nodes beside planning a service, on a simulated cluster: their silence, and how far a drain has come. */
import { nextDrain } from '../../master/plan/drain.js';
import { presenceOf } from '../../master/plan/presence.js';
import type { ServiceSnapshot } from '../../master/plan/snapshot.js';
import type { Node } from '../../shared/model.js';

const TIMING = { silenceMs: 1_500, lostAfterMs: 4_000 };

/** The snapshot with every node as it is judged now. */
export function judged(snapshot: ServiceSnapshot, nowMs: number): ServiceSnapshot {
  const judge = (node: Node): Node => {
    const { presence } = presenceOf(node, TIMING, nowMs);
    const drain = node.drain && nextDrain({ id: node.id, drain: node.drain }, [snapshot], nowMs);
    return { ...node, presence, ...(drain === undefined ? {} : { drain }) };
  };
  return { ...snapshot, nodes: snapshot.nodes.map((view) => ({ ...view, node: judge(view.node) })) };
}
