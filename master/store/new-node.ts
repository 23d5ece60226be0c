/** A node as it is before its first word. */
import type { Node } from '../../shared/model.js';
import type { NodeFacts } from '../../shared/protocol.js';

export function aNewNode(id: string, facts: NodeFacts): Node {
  return {
    id,
    facts,
    labels: {},
    cordoned: false,
    ingress: false,
    connectedAtMs: null,
    awaySinceMs: null,
    presence: 'present',
    reported: false,
    lastSeenAtMs: 0,
    engine: null,
    images: [],
    ingressObserved: null,
    revision: 0,
  };
}
