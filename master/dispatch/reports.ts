/**
 * What agents report, written into the store: the only writer of `observed` fields. A report that says nothing new
 * writes nothing. The services that a change concerns are planned again.
 */

import type { DiscoveryObserved } from '../../shared/discovery-observed.js';
import { canonicalJson } from '../../shared/fingerprint.js';
import type { Allocation, Node, Peer, Presence } from '../../shared/model.js';
import type {
  AllocationObserved,
  IngressObserved,
  NodeFacts,
  Status,
  Traffic,
} from '../../shared/protocol.js';
import type { ShapeObserved } from '../../shared/shape.js';
import type { Upgrade } from '../../shared/upgrade.js';
import { aNewNode } from '../store/new-node.js';
import type { Transaction } from '../store/transaction.js';
import { believedCopy } from './believed.js';
import { recordBuilds } from './build-reports.js';

/** What the configuration says of a node. */
export type NodeDescription = Pick<Node, 'ingress' | 'labels'>;

/** The master was started. No session outlives it: until an agent says hello and reports, nothing is known of its node. That it
 *  could not be heard meanwhile is not its silence, which is counted from now. */
export function recordStart(tx: Transaction, nowMs: number): void {
  for (const node of tx.nodes())
    tx.putNode({ ...node, connectedAtMs: null, awaySinceMs: nowMs, reported: false });
}

/** A session began. Reports of earlier sessions no longer count: nothing is planned on stale ones. `facts`: what is believed of those that it
 *  said, its address being `saidAddress`. */
export function recordHello(
  tx: Transaction,
  id: string,
  facts: NodeFacts,
  described: NodeDescription,
  nowMs: number,
  saidAddress = facts.address,
): void {
  tx.putNode({
    ...(tx.node(id) ?? aNewNode(id, facts)),
    ...described,
    facts,
    connectedAtMs: nowMs,
    awaySinceMs: null,
    reported: false,
    lastSeenAtMs: nowMs,
  });
  const elsewhere =
    saidAddress === facts.address
      ? ''
      : `; it says that it is at ${saidAddress}, from where it does not connect: it is taken to be at ${facts.address} until \`orca join\` is run there again`;
  tx.addEvent(anEvent(nowMs, 'node.connected', `node ${facts.name} is connected${elsewhere}`, { node: id }));
  tx.touchNode(id);
}

/** A node of before this store was lost or restored: known from here on, by what its certificate and its agent say. */
export function recordStranger(tx: Transaction, id: string, facts: NodeFacts, peer: Peer | null): void {
  tx.putIdentity({
    node: id,
    name: facts.name,
    labels: {},
    issuedAtMs: peer?.issuedAtMs ?? 0,
    notAfterMs: peer?.expiresAtMs ?? 0,
  });
}

/** `heardAtMs`: its last word, from which its silence is counted. */
export function recordEnd(
  tx: Transaction,
  id: string,
  reason: string,
  { heardAtMs, nowMs }: { heardAtMs: number; nowMs: number },
): void {
  const node = tx.node(id);
  if (!node || node.connectedAtMs === null) return;
  tx.putNode({
    ...node,
    connectedAtMs: null,
    awaySinceMs: heardAtMs,
    reported: false,
    lastSeenAtMs: heardAtMs,
  });
  tx.addEvent(
    anEvent(nowMs, 'node.disconnected', `node ${node.facts.name} is gone: ${reason}`, { node: id }),
  );
  tx.touchNode(id);
}

/** Once for each fight: the reason is shown with the node as long as it goes on. */
export function recordClone(tx: Transaction, id: string, reason: string, nowMs: number): void {
  const name = tx.node(id)?.facts.name ?? id;
  tx.addEvent(anEvent(nowMs, 'node.cloned', `node ${name}: ${reason}`, { node: id }));
}

/** Writes what is new in a status. The caller has made sure that it is newer than the one before. `isLocal`: of the master's own node. */
export function recordStatus(
  tx: Transaction,
  id: string,
  status: Status,
  nowMs: number,
  isLocal = false,
): void {
  const node = tx.node(id);
  if (!node) return;
  recordAllocations(tx, id, status, nowMs, isLocal ? null : node.facts.address);
  recordBuilds(tx, id, status.images, nowMs);
  const known = new Map(node.images.map((image) => [image.id, image]));
  for (const image of status.images) {
    const service = tx.rollout(image.id)?.service;
    if (service && canonicalJson(known.get(image.id) ?? null) !== canonicalJson(image))
      tx.touchService(service);
  }
  touchTraffic(tx, node.ingressObserved?.traffic ?? [], status.ingress?.traffic ?? []);
  touchWeights(tx, node.ingressObserved?.weights ?? [], status.ingress?.weights ?? []);
  touchShapes(tx, node.ingressObserved?.shapes ?? [], status.ingress?.shapes ?? []);
  touchDrains(tx, node.discovery?.draining ?? [], status.discovery?.draining ?? []);
  const concernsAll =
    !node.reported ||
    node.presence !== 'present' ||
    node.engine?.state !== status.engine.state ||
    canonicalJson(node.discovery?.projects ?? []) !== canonicalJson(status.discovery?.projects ?? []);
  const after: Node = {
    ...node,
    reported: true,
    presence: 'present',
    engine: status.engine,
    disk: status.disk ?? null,
    upgrade: status.upgrade ?? null,
    carry: status.carry ?? null,
    images: status.images,
    discovery: status.discovery ?? null,
    ingressObserved: status.ingress && { ...status.ingress, traffic: status.ingress.traffic.map(settled) },
  };
  noteUpgrade(tx, node, after, nowMs);
  if (canonicalJson(after) !== canonicalJson(node)) tx.putNode({ ...after, lastSeenAtMs: nowMs });
  if (concernsAll) tx.touchNode(id);
}

/** It has been asked to replace itself: what it said of an upgrade before counts no more. */
export function recordAsked(tx: Transaction, id: string, { version }: Pick<Upgrade, 'version'>): void {
  const node = tx.node(id);
  if (node) tx.putNode({ ...node, upgrade: { version, state: 'fetching', reason: null } });
}

/** Once for each: what an agent replaced itself by did not do. */
function noteUpgrade(
  tx: Transaction,
  { upgrade: before }: Node,
  { id, facts, upgrade }: Node,
  nowMs: number,
): void {
  if (upgrade?.state !== 'failed' || before?.state === 'failed') return;
  const message = `node ${facts.name}: its upgrade to ${upgrade.version} failed: ${upgrade.reason}`;
  tx.addEvent(anEvent(nowMs, 'node.upgrade-failed', message, { node: id }));
}

/** Its silence has lasted too long, or much too long. */
export function recordSilence(tx: Transaction, id: string, presence: Presence, nowMs: number): void {
  const node = tx.node(id);
  if (!node || node.presence === presence) return;
  tx.putNode({ ...node, presence });
  const after = {
    present: '',
    unreachable: 'nothing is routed to it where others serve',
    lost: 'what it ran is placed elsewhere, but for what has named volumes there',
  };
  const message = `node ${node.facts.name} is ${presence}: ${after[presence]}`;
  tx.addEvent(anEvent(nowMs, `node.${presence}`, message, { node: id }));
  tx.touchNode(id);
}

/** `address`: where its copies may be; null: anywhere. */
function recordAllocations(
  tx: Transaction,
  node: string,
  status: Status,
  nowMs: number,
  address: string | null,
): void {
  const reported = new Map(status.allocations.map((a) => [a.id, a]));
  for (const allocation of tx.allocationsOn(node)) {
    const said = reported.get(allocation.id);
    if (!said) continue;
    const observed = address === null ? said : believedCopy(said, address);
    tx.putAllocation({ ...allocation, observed, ...exitOf(observed) });
    const trouble = newTrouble(allocation, observed);
    if (trouble)
      tx.addEvent(
        anEvent(nowMs, `allocation.${trouble.kind}`, `${allocation.id} ${trouble.words}`, {
          node,
          service: allocation.service,
        }),
      );
  }
}

/** A report that says how it ended; what is up again says nothing of it. */
function exitOf({ exitCode, lastLogs }: AllocationObserved): Pick<Allocation, 'lastExit'> {
  return exitCode === null ? {} : { lastExit: { exitCode, lastLogs } };
}

/**
 * What people want to find in the events: exits, failures and lost readiness, each once. Reports coalesce, so that an
 * exit may be seen by its restart alone.
 */
function newTrouble(
  { observed: before }: Allocation,
  observed: AllocationObserved,
): { kind: string; words: string } | null {
  const reason = observed.reason ?? 'no reason was given';
  const isSame = before?.state === observed.state && before.restarts === observed.restarts;
  if (isDown(observed) && !isSame)
    return { kind: observed.state === 'failed' ? 'failed' : 'exited', words: `${observed.state}: ${reason}` };
  if (observed.state === 'unready' && before?.state !== 'unready')
    return { kind: 'unready', words: `unready: ${reason}` };
  const told = (before?.restarts ?? 0) + (before && isDown(before) ? 1 : 0);
  if (observed.restarts <= told) return null;
  return { kind: 'restarted', words: `exited and was started again: restart ${observed.restarts}` };
}

/** Its container has ended: for good, or it waits for its next start. */
function isDown({ state, exitCode }: AllocationObserved): boolean {
  return state === 'exited' || state === 'failed' || (state === 'pending' && exitCode !== null);
}

/** Requests in flight on a routed allocation change all the time and decide nothing: they are shown live, not stored. */
const settled = (traffic: Traffic): Traffic =>
  traffic.state === 'routed' ? { ...traffic, inFlight: 0 } : traffic;

function touchTraffic(tx: Transaction, before: Traffic[], after: Traffic[]): void {
  const known = new Map(before.map((t) => [t.allocation, canonicalJson(settled(t))]));
  const changed = after.filter((t) => known.get(t.allocation) !== canonicalJson(settled(t)));
  const still = new Set(after.map((t) => t.allocation));
  const gone = before.filter((t) => !still.has(t.allocation));
  for (const { allocation } of [...changed, ...gone]) {
    const service = tx.allocation(allocation)?.service;
    if (service) tx.touchService(service);
  }
}

type Drains = DiscoveryObserved['draining'];

/** What the stop of an allocation waits for. */
function touchDrains(tx: Transaction, before: Drains, after: Drains): void {
  const known = new Map(before.map((one) => [one.allocation, one.connections]));
  for (const { allocation, connections } of after) {
    const service = tx.allocation(allocation)?.service;
    if (service && known.get(allocation) !== connections) tx.touchService(service);
  }
}

type Weights = IngressObserved['weights'];

/** A weight that has come into force is what a canary's step waits for. */
function touchWeights(tx: Transaction, before: Weights, after: Weights): void {
  const known = new Map(before.map((one) => [one.service, one.canaryWeight]));
  const said = new Map(after.map((one) => [one.service, one.canaryWeight]));
  for (const service of new Set([...known.keys(), ...said.keys()]))
    if (known.get(service) !== said.get(service) && tx.service(service)) tx.touchService(service);
}

/** What is in force, or was refused, is what a change in place waits for. */
function touchShapes(
  tx: Transaction,
  before: readonly ShapeObserved[],
  after: readonly ShapeObserved[],
): void {
  const known = new Map(before.map((one) => [one.service, canonicalJson(one)]));
  const said = new Map(after.map((one) => [one.service, canonicalJson(one)]));
  for (const service of new Set([...known.keys(), ...said.keys()]))
    if (known.get(service) !== said.get(service) && tx.service(service)) tx.touchService(service);
}

function anEvent(
  atMs: number,
  kind: string,
  message: string,
  about: { node?: string; service?: string },
): {
  atMs: number;
  kind: string;
  message: string;
  node: string | null;
  service: string | null;
  rollout: null;
} {
  return { atMs, kind, message, node: about.node ?? null, service: about.service ?? null, rollout: null };
}
