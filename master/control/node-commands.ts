/** What users ask of nodes, each request one transaction. Refusals are OrcaErrors and have changed nothing. */
import { OrcaError } from '../../shared/errors.js';
import type { Allocation, Node } from '../../shared/model.js';
import { type Move, rebalance } from '../plan/rebalance.js';
import { dropHold, holdOf } from '../store/hold.js';
import type { Store } from '../store/store.js';
import type { Transaction } from '../store/transaction.js';
import type { DescribeNode } from './describe-node.js';
import type { Farewells } from './farewells.js';
import { findNode } from './find-node.js';
import type { States } from './states.js';

export interface NodeCommandOptions {
  store: Store;
  states: States;
  nodes: DescribeNode;
  /** The node that runs beside this master. */
  isLocal(id: string): boolean;
  farewells: Farewells;
}

/** What becomes of what ran on a node that is removed: nothing did; it is stopped; it goes on, as was asked; it goes on, since its agent is away. */
type Left = 'nothing' | 'stopped' | 'kept' | 'away';

export function createNodeCommands({ store, states, nodes, isLocal, farewells }: NodeCommandOptions) {
  const change = (wanted: string, work: (tx: Transaction, node: Node) => string | null): void => {
    store.requireRoom();
    store.write((tx) => {
      const node = findNode(tx, wanted);
      const message = work(tx, node);
      if (message === null) return;
      tx.addEvent(anEvent(node, message));
      tx.touchNode(node.id);
    });
  };
  return {
    cordon: (wanted: string, cordoned: boolean, by: string): void =>
      change(wanted, (tx, node) => {
        if (!cordoned) free(tx, node);
        if (node.cordoned === cordoned) return null;
        tx.putNode({ ...findNode(tx, node.id), cordoned });
        return `${cordoned ? 'cordoned' : 'uncordoned'} by ${by}`;
      }),
    drain: (wanted: string, by: string): void =>
      change(wanted, (tx, node) => {
        if (node.drain) return null;
        const drain = { by, sinceMs: Date.now(), service: null, blocked: [], doneAtMs: null };
        tx.putNode({ ...node, drain });
        return `its drain was begun by ${by}`;
      }),
    undrain: (wanted: string, by: string): void =>
      change(wanted, (tx, node) => {
        if (!node.drain) return null;
        tx.putNode({ ...node, drain: null });
        if (node.drain.service !== null) tx.touchService(node.drain.service);
        return `its drain was ended by ${by}`;
      }),
    label: (wanted: string, { set, remove }: LabelChange, by: string): Record<string, string> => {
      change(wanted, (tx, node) => {
        refuseConfigured(nodes.configured(node.facts), [...Object.keys(set), ...remove], node);
        const identity = tx.identity(node.id);
        if (!identity) throw new OrcaError('CONFLICT', `node ${node.facts.name} has not joined yet`);
        const labels = { ...identity.labels, ...set };
        for (const key of remove) delete labels[key];
        tx.putIdentity({ ...identity, labels });
        tx.putNode({ ...node, ...nodes.describe(tx, node.id, node.facts) });
        return `its labels were changed by ${by}`;
      });
      return findNode(store, wanted).labels;
    },
    role: (wanted: string, isIngress: boolean, by: string): void =>
      change(wanted, (tx, node) => {
        if (node.ingress === isIngress) return null;
        if (!isIngress) refuseLastIngress(tx, node);
        const identity = tx.identity(node.id);
        if (!identity) throw new OrcaError('CONFLICT', `node ${node.facts.name} has not joined yet`);
        tx.putIdentity({ ...identity, isIngress });
        tx.putNode({ ...node, ingress: isIngress });
        for (const { key } of tx.services()) tx.touchService(key);
        return `${isIngress ? 'given' : 'relieved of'} the ingress role by ${by}`;
      }),
    /** Forgets the node, with its certificate; what it ran is placed elsewhere, and stopped there unless it `keeps` that. Answers what is said of that. */
    removeNode: (wanted: string, isForced: boolean, by: string, keeps = false): string => {
      let left: Left = 'nothing';
      change(wanted, (tx, node) => {
        if (isLocal(node.id))
          throw new OrcaError('CONFLICT', `${node.facts.name} is the master's own node, and stays`);
        if (!isForced) refuseInUse(node, tx.allocationsOn(node.id), isBound(tx));
        const allocations = tx.allocationsOn(node.id);
        for (const { service } of allocations) tx.touchService(service);
        farewells.take(node.id);
        const stops = !keeps && node.connectedAtMs !== null && holdOf(tx, node.id) === null;
        if (stops) farewells.note(node, Date.now());
        if (allocations.length > 0) left = stops ? 'stopped' : keeps ? 'kept' : 'away';
        tx.deleteNode(node.id);
        return `removed by ${by}; its certificate is not accepted any more${leftWords[left]}`;
      });
      return leftWords[left];
    },
    /** What moves (or would move); none: it is even, or is being made so. */
    rebalance: (key: string, isDry: boolean, by: string): (Move & { from: string })[] => {
      const state = states.get(key);
      if (!state) throw new OrcaError('SERVICE_NOT_FOUND', `there is no service ${key}`);
      const moves = rebalance(state, states.nodeViews(key));
      if (!isDry && moves.length > 0) mark(store, moves, by);
      return moves.map((move) => ({ ...move, from: nameOf(store, move.allocation.node) }));
    },
  };
}

/** Behind what is said of the removal. */
const leftWords: Record<Left, string> = {
  nothing: '',
  stopped: '; what Orca runs there is being stopped',
  kept: '; what Orca runs there goes on, and is reached by nobody',
  away: '; its agent is not connected, or the node was held: what Orca runs there goes on until it is stopped there (docs/nodes.md)',
};

export interface LabelChange {
  set: Record<string, string>;
  remove: string[];
}

/** A held node is given over to this master (see assignments.ts): its agent refuses what is not above what it remembers. */
function free(tx: Transaction, node: Node): void {
  const hold = holdOf(tx, node.id);
  if (!hold) return;
  tx.putNode({ ...node, revision: Math.max(node.revision, hold.revision) });
  dropHold(tx, node.id);
}

function refuseConfigured(configured: Record<string, string>, keys: string[], { facts }: Node): void {
  const key = keys.find((one) => Object.hasOwn(configured, one));
  if (key === undefined) return;
  throw new OrcaError('CONFLICT', `cluster.toml sets the label ${key} of ${facts.name}`, {
    hint: 'Change it there, under [[node]], and run `orca reload`.',
  });
}

function refuseLastIngress(tx: Transaction, { id, facts }: Node): void {
  if (tx.nodes().some((other) => other.ingress && other.id !== id)) return;
  throw new OrcaError('CONFLICT', `${facts.name} is the only node with the ingress role`, {
    hint: 'Give it to another first: `orca nodes role NODE ingress`.',
  });
}

/** Whether the data of an allocation's volumes would be given up with its node. */
const isBound =
  (tx: Transaction) =>
  ({ service, release }: Allocation): boolean =>
    (tx.release(service, release)?.spec.container.volumes.length ?? 0) > 0;

function refuseInUse(
  { facts: { name }, ingress, presence }: Node,
  allocations: readonly Allocation[],
  isBoundHere: (allocation: Allocation) => boolean,
): void {
  if (ingress)
    throw new OrcaError('CONFLICT', `${name} has the ingress role`, {
      hint: `Point its names elsewhere, then \`orca nodes role ${name} worker\`; or --force.`,
    });
  const here = allocations.filter((one) => presence !== 'lost' || isBoundHere(one));
  const services = [...new Set(here.map(({ service }) => service))].join(', ');
  if (here.length === 0) return;
  throw new OrcaError('CONFLICT', `${here.length} allocations are on ${name} (${services})`, {
    hint: `Drain it first: \`orca nodes drain ${name}\`. --force gives up what is on it, with the data of its volumes.`,
  });
}

function mark(store: Store, moves: readonly Move[], by: string): void {
  store.write((tx) => {
    for (const { allocation, to } of moves) {
      const now = tx.allocation(allocation.id);
      if (!now) continue;
      tx.putAllocation({ ...now, isMoving: true });
      const { service, node } = allocation;
      const message = `${allocation.id} is to go to ${to}, by ${by}`;
      tx.addEvent({ atMs: Date.now(), kind: 'rebalance', service, node, rollout: null, message });
    }
  });
}

const nameOf = (store: Store, id: string): string => store.node(id)?.facts.name ?? id;

const anEvent = ({ id, facts }: Node, message: string) => ({
  atMs: Date.now(),
  kind: 'node.changed',
  service: null,
  node: id,
  rollout: null,
  message: `node ${facts.name}: ${message}`,
});
