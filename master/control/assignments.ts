/**
 * The assignments of nodes: computed from the store, sent only when their content changed, under a revision that is in
 * the store before it is sent and that is above what the agent remembers.
 *
 * Safe by default: a store that has never assigned anything to a node does not overrule what its agent remembers (the
 * store was lost, or another master's home was taken). Such a node is cordoned and gets no assignment until somebody
 * says `orca nodes uncordon`: an empty assignment would remove its containers.
 */
import type { Table } from '../../discovery/table.js';
import { fingerprint } from '../../shared/fingerprint.js';
import type { Node } from '../../shared/model.js';
import type { Assignment } from '../../shared/protocol.js';
import { assignmentOf } from '../plan/assignments.js';
import type { ServiceState } from '../plan/snapshot.js';
import type { Store } from '../store/store.js';
import type { Certificates } from './certificates.js';
import type { Discovery } from './discovery.js';
import type { States } from './states.js';

export interface ProxySettings {
  httpPort: number;
  httpsPort: number;
  caddy: string;
}

export interface Assignments {
  /** The complete assignment for a node that said hello, or null while it is held. */
  forHello(node: string, helloRevision: number): Assignment | null;
  /** Recomputes; the new assignment when it differs from the one before, else null. */
  refresh(node: string): Assignment | null;
}

/** In `meta`: the revision that a held node's agent remembers. */
export const heldKey = (node: string): string => `held|${node}`;

export function createAssignments(options: {
  store: Store;
  states: States;
  certificates: Certificates;
  discovery: Discovery;
  cluster: string;
  proxy: () => ProxySettings;
}): Assignments {
  const { store, states, certificates } = options;
  const contentOf = (node: Node, discovery: Table): Omit<Assignment, 'revision'> =>
    assignmentOf({
      cluster: options.cluster,
      node: { ...node, revision: 0, receivedRevision: 0 },
      services: servicesFor(states, node),
      discovery,
      unreachable: new Set(states.nodes().flatMap((n) => (n.presence === 'present' ? [] : [n.id]))),
      ingress: {
        ...options.proxy(),
        certificates: certificates.byDomain(),
        fallbackCertificate: certificates.fallback(),
      },
    });

  /** Persists the revision first: what was sent is never unknown to the store. */
  const assign = (node: Node, atLeast: number): { assignment: Assignment; isNew: boolean } => {
    const names = options.discovery.tableFor(node.id);
    const content = contentOf(node, names.table);
    // A table may be long, and is the same for many nodes: its mark was made once.
    const mark = fingerprint({ ...content, discovery: names.mark });
    const isSame = store.assignmentFingerprint(node.id) === mark && node.revision > 0;
    if (isSame && node.revision >= atLeast)
      return { assignment: { ...content, revision: node.revision }, isNew: false };
    const revision = Math.max(node.revision, atLeast) + 1;
    store.write((tx) => {
      const now = tx.node(node.id);
      if (now) tx.putNode({ ...now, revision });
      tx.markAssignment(node.id, mark);
    });
    return { assignment: { ...content, revision }, isNew: true };
  };

  return {
    forHello(id, helloRevision) {
      const node = store.node(id);
      if (!node || isHeld(store, node, helloRevision)) return null;
      return assign(node, helloRevision).assignment;
    },
    refresh(id) {
      const node = store.node(id);
      if (!node || store.meta(heldKey(id)) !== undefined) return null;
      const { assignment, isNew } = assign(node, 0);
      return isNew ? assignment : null;
    },
  };
}

/**
 * What a node's assignment is made from. An ingress node serves everything; any other has a part only in what runs on it,
 * what a rollout resolves on it, and the images of what runs nowhere now (it must not be pruned while it is stopped). So a
 * deploy moves the revisions of the nodes it concerns, not of a thousand.
 */
function servicesFor(states: States, node: Node): ServiceState[] {
  if (node.ingress) return states.all();
  const rest = states.all().filter((s) => s.allocations.length === 0 || s.rollout?.node === node.id);
  return [...new Set([...states.on(node.id), ...rest])];
}

function isHeld(store: Store, node: Node, helloRevision: number): boolean {
  if (store.meta(heldKey(node.id)) !== undefined) return true;
  if (node.revision > 0 || helloRevision === 0) return false;
  store.write((tx) => {
    tx.putMeta(heldKey(node.id), helloRevision);
    tx.putNode({ ...node, cordoned: true });
    tx.addEvent({
      atMs: Date.now(),
      kind: 'node.held',
      service: null,
      node: node.id,
      rollout: null,
      message: `node ${node.facts.name} remembers revision ${helloRevision}, which this master never made; it goes on with what it has`,
    });
  });
  return true;
}
