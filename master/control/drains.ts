/** Carries the drains of nodes on, a service at a time, and says in the events how far they are. */
import { canonicalJson } from '../../shared/fingerprint.js';
import type { Node, NodeDrain } from '../../shared/model.js';
import { nextDrain } from '../plan/drain.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

/** One step of every drain; the services concerned are planned after it. */
export function stepDrains({ store, states }: { store: Store; states: States }, nowMs: number): void {
  for (const node of states.nodes()) {
    const { drain } = node;
    if (!drain) continue;
    const tenants = states
      .on(node.id)
      .map((state) => ({ ...state, nodes: states.nodeViews(state.service.key) }));
    const next = nextDrain({ id: node.id, drain }, tenants, nowMs);
    if (canonicalJson(next) !== canonicalJson(drain)) put(store, node, drain, next, nowMs);
  }
}

function put(store: Store, { id, facts }: Node, before: NodeDrain, next: NodeDrain, nowMs: number): void {
  store.write((tx) => {
    const node = tx.node(id);
    if (!node?.drain) return;
    tx.putNode({ ...node, drain: next });
    for (const key of [before.service, next.service]) if (key !== null) tx.touchService(key);
    for (const [service, message] of told(before, next))
      tx.addEvent({
        atMs: nowMs,
        kind: 'node.drain',
        service,
        node: id,
        rollout: null,
        message: `node ${facts.name}: ${message}`,
      });
  });
}

function told(before: NodeDrain, next: NodeDrain): [service: string | null, message: string][] {
  const known = new Set(before.blocked.map(({ service, reason }) => `${service} ${reason}`));
  const news = next.blocked.filter(({ service, reason }) => !known.has(`${service} ${reason}`));
  return [
    ...news.map(({ service, reason }): [string, string] => [service, `${service} can't leave: ${reason}`]),
    ...(next.service !== null && next.service !== before.service
      ? [[next.service, `${next.service} leaves`] as [string, string]]
      : []),
    ...(next.doneAtMs !== null && before.doneAtMs === null
      ? [[null, 'it is drained: nothing is left on it'] as [null, string]]
      : []),
  ];
}
