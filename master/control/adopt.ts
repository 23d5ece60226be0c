/**
 * Taking over what runs on held nodes: asks their agents, lets `plan/adopt` say what it comes to, and writes that in one
 * transaction. Shown and done are the same computation; what is shown may be out of date when it is done, never half.
 */
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { Node } from '../../shared/model.js';
import type { Recalled } from '../../shared/protocol.js';
import { type Adoption, adopt } from '../plan/adopt.js';
import type { Claim } from '../plan/claims.js';
import type { Rebuilt } from '../plan/rebuild.js';
import { dropHold, holdOf } from '../store/hold.js';
import type { Store } from '../store/store.js';
import type { Transaction } from '../store/transaction.js';
import type { Certificates } from './certificates.js';
import { findNode } from './find-node.js';
import type { States } from './states.js';

export interface AdoptOptions {
  store: Store;
  states: States;
  certificates: Certificates;
  /** What the agent of a node says of all that it runs; throws when it does not. */
  recall(node: string): Promise<Recalled>;
}

/** What can be adopted now, and the nodes of which that is not known, with the reason. */
export interface Adoptable extends Adoption {
  away: { name: string; why: string }[];
}

export interface Adopt {
  /** `nodes`: names, addresses or ids; empty: every node that is held. Throws NOT_FOUND, and CONFLICT for what several have. */
  show(nodes: readonly string[]): Promise<Adoptable>;
  /** Does it. Throws CONFLICT for what can't be, or for what is `missing` unless it is to be `partial`; then nothing has changed. */
  apply(nodes: readonly string[], isPartial: boolean, by: string): Promise<Adoptable>;
}

export function createAdopt(options: AdoptOptions): Adopt {
  const { store, states } = options;
  const show = async (names: readonly string[]): Promise<Adoptable> => {
    const wanted = namedOf(store, names);
    const asked = await Promise.all(
      wanted.filter(({ id }) => holdOf(store, id)?.state === 'held').map((node) => ask(options, node)),
    );
    const claims = asked.flatMap((one) => ('recalled' in one ? [one] : []));
    const away = [
      ...asked.flatMap((one) => ('why' in one ? [one] : [])),
      ...store.nodes().flatMap((node) => unheardOf(store, node)),
    ];
    return { ...adopt(claims, states.all(), Date.now()), away };
  };
  return {
    show,
    async apply(names, isPartial, by) {
      store.requireRoom();
      const found = await show(names);
      refuse(found, isPartial);
      if (found.nodes.length > 0) store.write((tx) => write(tx, options, found, by));
      return found;
    },
  };
}

function namedOf(store: Store, names: readonly string[]): Node[] {
  return names.length === 0 ? store.nodes() : names.map((name) => findNode(store, name));
}

async function ask(
  { recall }: AdoptOptions,
  { id, facts, connectedAtMs }: Node,
): Promise<Claim | { name: string; why: string }> {
  const { name } = facts;
  if (connectedAtMs === null) return { name, why: 'its agent is not connected' };
  if (facts.recalls !== true) return { name, why: 'its agent is of an Orca that can not say what it runs' };
  try {
    return { node: id, name, recalled: await recall(id) };
  } catch (error) {
    return { name, why: messageOf(error) };
  }
}

/** Once its agent is heard it is compared, and held or not. */
function unheardOf(
  store: Store,
  { id, facts: { name }, connectedAtMs }: Node,
): { name: string; why: string }[] {
  const isUnheard = connectedAtMs === null && holdOf(store, id)?.state === 'unheard';
  return isUnheard ? [{ name, why: 'its agent is not connected' }] : [];
}

function refuse({ conflicts, missing }: Adoptable, isPartial: boolean): void {
  if (conflicts.length > 0)
    throw new OrcaError('CONFLICT', `this can't be adopted: ${conflicts.join('; ')}`, {
      hint: 'Adopt other nodes by their names, or give the nodes up with `orca nodes uncordon NODE`; nothing was changed.',
      details: conflicts,
    });
  if (missing.length > 0 && !isPartial)
    throw new OrcaError('CONFLICT', `not everything is here: ${missing.join('; ')}`, {
      hint: 'Wait until the other nodes are connected and jobs have ended, or go on with --partial: what is missing is made anew, and such jobs are stopped; nothing was changed.',
      details: missing,
    });
}

function write(tx: Transaction, { certificates }: AdoptOptions, found: Adoptable, by: string): void {
  const nowMs = Date.now();
  for (const built of [...found.services, ...found.idle]) putBuilt(tx, built);
  certificates.adopt(tx, found.certificates.served, found.certificates.fallback);
  for (const { node: id, name, revision, labels, cordoned, isIngress, copies } of found.nodes) {
    const node = tx.node(id);
    const identity = tx.identity(id);
    const known = { ...labels, ...node?.labels };
    // Its agent refuses what is not above the revision that it remembers.
    const ingress = isIngress ?? node?.ingress ?? false;
    if (node)
      tx.putNode({ ...node, cordoned, ingress, labels: known, revision: Math.max(node.revision, revision) });
    if (identity) {
      const isBare = Object.keys(identity.labels).length === 0;
      tx.putIdentity({ ...identity, isIngress: ingress, ...(isBare ? { labels: known } : {}) });
    }
    dropHold(tx, id);
    const message = `node ${name} was adopted by ${by} with ${copies} ${copies === 1 ? 'copy' : 'copies'}`;
    tx.addEvent({ atMs: nowMs, kind: 'node.adopted', service: null, node: id, rollout: null, message });
  }
}

function putBuilt(tx: Transaction, { state, gone, superseded }: Rebuilt): void {
  const { service, releases, rollout, allocations } = state;
  for (const id of gone) tx.deleteAllocation(id);
  if (superseded) tx.putRollout(superseded);
  tx.putService(service);
  for (const release of releases) tx.putRelease(release);
  if (rollout) tx.putRollout(rollout);
  for (const allocation of allocations) tx.putAllocation(allocation);
}
