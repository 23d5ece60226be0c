/**
 * The assignments of nodes: computed from the store, sent only when their content changed, under a revision that is in
 * the store before it is sent and that is above what the agent remembers.
 *
 * Safe by default: nobody's container is removed because this store knows less than an agent (it was lost, or restored from an
 * older backup). What an agent remembers above what was ever made for its node here, and what runs there that is not wanted
 * here, is for somebody to decide: such a node is held. It is cordoned and gets no assignment until `orca adopt` or
 * `orca nodes uncordon`.
 */
import type { Table } from '../../discovery/table.js';
import { fingerprint } from '../../shared/fingerprint.js';
import type { Node } from '../../shared/model.js';
import type { Assignment, Recalled } from '../../shared/protocol.js';
import { assignmentOf, type IngressSettings, markOfPart, shareOf } from '../plan/assignments.js';
import type { ServiceState } from '../plan/snapshot.js';
import { dropHold, type Hold, holdOf, putHold, rememberedWhy } from '../store/hold.js';
import type { Store } from '../store/store.js';
import type { Carrying } from './carry.js';
import type { Certificates } from './certificates.js';
import type { Discovery } from './discovery.js';
import type { Registries } from './registries.js';
import type { SecretValues } from './secret-values.js';
import type { States } from './states.js';

export interface ProxySettings {
  httpPort: number;
  httpsPort: number;
  caddy: string;
  trustedProxies?: readonly string[];
}

/** How an agent came. */
export interface Arrival {
  /** What it remembers; 0: nothing. */
  revision: number;
  /** It can say what runs on its node. */
  canRecall: boolean;
  /** This store has never issued it its certificate. */
  isStranger: boolean;
}

export interface Assignments {
  /** The complete assignment for a node that said hello; `compare`: ask first what runs there; null while it is held. */
  forHello(node: string, arrival: Arrival): Assignment | 'compare' | null;
  /** The answer to `compare`. */
  compared(node: string, recalled: Recalled): Assignment | null;
  /** Recomputes; the new assignment when it differs from the one before, else null. */
  refresh(node: string): Assignment | null;
}

export function createAssignments(options: {
  store: Store;
  states: States;
  certificates: Certificates;
  discovery: Discovery;
  /** Absent: no images are carried. */
  carrying?: Pick<Carrying, 'partOf'>;
  cluster: string;
  proxy: () => ProxySettings;
  /** The cluster's own name. */
  domain?: () => string | null;
  /** The values that allocations need; absent: no secrets are known here. */
  secretsFor?: SecretValues['sentFor'];
  /** Who pulls from registries; absent: nothing is known of any. */
  registries?: Pick<Registries, 'sentFor' | 'mark'>;
  /** What a CA is answered now. */
  challenges?: () => NonNullable<IngressSettings['challenges']>;
}): Assignments {
  const { store, states, certificates } = options;
  const servicesFor = createParts(states);
  const silent = (): Set<string> =>
    new Set(states.nodes().flatMap(({ id, presence }) => (presence === 'present' ? [] : [id])));
  const contentOf = (node: Node, discovery?: Table): Omit<Assignment, 'revision'> =>
    assignmentOf({
      cluster: options.cluster,
      node,
      services: servicesFor(node),
      ...(discovery === undefined ? {} : { discovery }),
      ...(options.carrying ? { carry: options.carrying.partOf(node.id) } : {}),
      unreachable: node.ingress ? silent() : new Set(),
      ingress: {
        ...options.proxy(),
        certificates: certificates.byDomain(),
        fallbackCertificate: certificates.fallback(),
        trusted: certificates.trusted(),
        challenges: options.challenges?.() ?? [],
        domain: options.domain?.() ?? null,
      },
    });

  const marks = createMarks(options.cluster);
  /** Changes when the content does, but for the counters, which follow it; and costs what changed of it. */
  const markOf = (node: Node): string => {
    const { id, labels, cordoned } = node;
    const names = options.discovery.tableFor(id);
    const parts = servicesFor(node).map((state) => `${state.service.key} ${marks(id, state)}`);
    const ingress = node.ingress ? contentOf(node).ingress : null;
    const carry = options.carrying?.partOf(id) ?? null;
    return fingerprint([
      names.mark,
      labels,
      cordoned,
      ingress,
      parts.sort(),
      carry,
      node.facts.carries,
      options.registries?.mark(),
    ]);
  };

  const made = (node: Node, revision: number): Assignment => {
    const { table } = options.discovery.tableFor(node.id);
    const content = contentOf(node, table);
    const secrets = options.secretsFor?.(content.allocations, content.images);
    const registries = options.registries?.sentFor(content);
    const handed = { ...(secrets ? { secrets } : {}), ...(registries ? { registries } : {}) };
    return { ...content, ...handed, revision, madeAtMs: Date.now() };
  };
  /** Persists the revision first: what was sent is never unknown to the store. */
  const assign = (node: Node, atLeast: number): Assignment => {
    const revision = Math.max(node.revision, atLeast) + 1;
    store.write((tx) => {
      const now = tx.node(node.id);
      if (now) tx.putNode({ ...now, revision });
      tx.markAssignment(node.id, markOf(node));
    });
    return made(node, revision);
  };
  const isStanding = (node: Node, atLeast: number): boolean =>
    node.revision > 0 && node.revision >= atLeast && store.assignmentFingerprint(node.id) === markOf(node);
  const given = (node: Node, atLeast: number): Assignment =>
    isStanding(node, atLeast) ? made(node, node.revision) : assign(node, atLeast);

  return {
    forHello(id, { revision, canRecall, isStranger }) {
      const node = store.node(id);
      const hold = holdOf(store, id);
      if (!node || hold?.state === 'held') return null;
      if (isStranger)
        return held(store, node, revision, 'has a certificate of this cluster that is older than this store');
      if (revision > node.revision) return held(store, node, revision, rememberedWhy(revision));
      if (canRecall && (node.revision === 0 || hold !== null)) {
        store.write((tx) => putHold(tx, id, { state: 'unheard', revision, why: '' }));
        return 'compare';
      }
      if (hold) store.write((tx) => dropHold(tx, id));
      return given(node, revision);
    },
    compared(id, recalled) {
      const node = store.node(id);
      const hold = holdOf(store, id);
      if (!node || hold?.state !== 'unheard') return null;
      const unwanted = recalled.containers.filter(
        (c) => c.isAlive && store.allocation(c.allocation)?.node !== id,
      );
      if (unwanted.length > 0) {
        const what = unwanted.length === 1 ? 'a container' : `${unwanted.length} containers`;
        return held(store, node, hold.revision, `runs ${what} that this master does not know`);
      }
      store.write((tx) => dropHold(tx, id));
      return given(node, hold.revision);
    },
    refresh(id) {
      const node = store.node(id);
      const isUnheard = node?.revision === 0 && node.connectedAtMs === null;
      if (!node || isUnheard || holdOf(store, id) !== null) return null;
      return isStanding(node, 0) ? null : assign(node, 0);
    },
  };
}

/** The mark of what a service has on a node. That of what all nodes share is made once for each state of the service. */
function createMarks(cluster: string): (node: string, state: ServiceState) => string {
  const known = new WeakMap<ServiceState, string>();
  return (node, state) => {
    const mark = known.get(state) ?? fingerprint(shareOf(cluster, state));
    known.set(state, mark);
    return markOfPart(node, mark, state.allocations);
  };
}

/**
 * What a node's assignment is made from. An ingress node serves everything; any other has a part only in what runs on it,
 * what a rollout resolves on it, and the images of what runs nowhere now (it must not be pruned while it is stopped). So a
 * deploy moves the revisions of the nodes it concerns, not of a thousand.
 */
function createParts(states: States): (node: Node) => ServiceState[] {
  let all: ServiceState[] = [];
  let others: ServiceState[] = [];
  /** What no registry has is kept where it came from. */
  let origins: ServiceState[] = [];
  return (node) => {
    if (node.ingress) return states.all();
    if (all !== states.all()) {
      all = states.all();
      others = all.filter((s) => s.allocations.length === 0 || s.rollout?.node != null);
      origins = all.filter((s) => s.releases.some(({ image }) => image.node !== undefined));
    }
    const own = others.filter(
      (s) => s.allocations.length === 0 || s.rollout?.node === node.id || s.rollout?.isSearching,
    );
    const from = origins.filter((s) => s.releases.some(({ image }) => image.node === node.id));
    return [...new Set([...states.on(node.id), ...own, ...from])];
  };
}

function held(store: Store, node: Node, revision: number, why: string): null {
  const hold: Hold = { state: 'held', revision, why };
  store.write((tx) => {
    putHold(tx, node.id, hold);
    tx.putNode({ ...node, cordoned: true });
    tx.addEvent({
      atMs: Date.now(),
      kind: 'node.held',
      service: null,
      node: node.id,
      rollout: null,
      message: `node ${node.facts.name} ${why}; it goes on with what it has until \`orca adopt\` or \`orca nodes uncordon\``,
    });
  });
  return null;
}
