/**
 * The one loop of the master: plans the services that changed, writes the plans, and then brings the assignments of the nodes
 * that are concerned up to date, many in one commit of the store; what follows from them is done after it. The full look of the slow timer (look.ts) goes through the
 * same code. It holds no decisions and can be killed at any line.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Presence } from '../../shared/model.js';
import type { Assignment } from '../../shared/protocol.js';
import { planService } from '../plan/plan.js';
import { type PresenceTiming, presenceOf } from '../plan/presence.js';
import type { ServiceSnapshot } from '../plan/snapshot.js';
import { holdOf } from '../store/hold.js';
import type { Store } from '../store/store.js';
import type { Transaction } from '../store/transaction.js';
import { apply } from './apply.js';
import type { Assignments } from './assignments.js';
import type { Carrying } from './carry.js';
import type { Certificates } from './certificates.js';
import type { Discovery } from './discovery.js';
import { stepDrains } from './drains.js';
import { createLook } from './look.js';
import type { Registries } from './registries.js';
import type { States } from './states.js';

export interface ReconcileOptions {
  store: Store;
  states: States;
  certificates: Certificates;
  discovery: Discovery;
  /** Absent: no plan waits for credentials. */
  registries?: Pick<Registries, 'waitFor'>;
  /** Absent: no images are carried. */
  carrying?: Pick<Carrying, 'ensure'>;
  assignments: Assignments;
  presence(): PresenceTiming;
  /** Writes how the silence of a node was judged. */
  onSilence(tx: Transaction, node: string, presence: Presence, nowMs: number): void;
  /** Sends a node its new assignment. */
  send(node: string, assignment: Assignment): void;
  log: Log;
  everyMs?: number;
}

/** What is to be done once what was written is on disk. */
type Then = (() => void) | undefined;

const LOOK_MS = 10_000;
/** A plan leads to the next one (placed, then waits…); so many in a row in one pass, then the nodes' turn comes. */
const MAX_ROUNDS = 20;
const MIN_WAKE_MS = 20;
const TURN = 50;
const NEVER = Number.POSITIVE_INFINITY;
/** How long nodes that come or go are gathered: as a multiple of what a pass takes, so that planning leaves room for the sessions. */
const GATHER = 4;
const MIN_GATHER_MS = 20;
const MAX_GATHER_MS = 5_000;

/** Starts the loop; commits of the store wake it. */
export function startReconcile(options: ReconcileOptions): Loop {
  const { store, states } = options;
  const everyMs = options.everyMs ?? LOOK_MS;
  const wakeTimes = new Map<string, number>();
  const look = createLook(store, everyMs, Date.now());

  /** Nodes that were touched since a pass, and when it is their turn: many that come at once are planned for at once. */
  const touchedNodes = new Set<string>();
  let touchedDueMs = 0;
  /** What planning for the last that were gathered took. */
  let gatheredMs = 0;

  /** What else depends on how these are. */
  const concern = (services: ReadonlySet<string>): void => {
    for (const key of services) {
      for (const id of options.discovery.concerned(key)) store.dirty.nodes.add(id);
      for (const other of states.dependents(key)) store.dirty.services.add(other);
    }
  };
  const takeTouched = (): void => {
    const services = new Set([...touchedNodes].flatMap((id) => states.on(id).map((s) => s.service.key)));
    for (const key of [...services, ...waiting(states)]) store.dirty.services.add(key);
    concern(services);
    for (const { id, ingress } of states.nodes()) if (ingress) store.dirty.nodes.add(id);
    touchedNodes.clear();
  };

  const pass = async (): Promise<void> => {
    const isGathered = touchedNodes.size > 0 && touchedDueMs <= Date.now();
    const spent = process.cpuUsage();
    if (isGathered) takeTouched();
    try {
      await passOnce();
    } finally {
      const { user, system } = process.cpuUsage(spent);
      if (isGathered) gatheredMs = (user + system) / 1_000;
    }
  };
  const passOnce = async (): Promise<void> => {
    const nowMs = Date.now();
    const isLooking = look.take(nowMs);
    for (const [key, atMs] of wakeTimes) if (atMs <= nowMs) store.dirty.services.add(key);
    const silenceAtMs = judgeSilence(options, nowMs);
    stepDrains(options, nowMs);
    const failed = new Map<string, unknown>();
    const areServicesNew = isLooking || store.dirty.services.size > 0;
    for (let round = 0; round < MAX_ROUNDS && store.dirty.services.size > 0; round++)
      await each(store, store.dirty.services, failed, (key) => planOne(options, key, wakeTimes));
    if (areServicesNew) {
      options.certificates.ensure(states.all(), Date.now());
      for (const id of options.discovery.ensure()) store.dirty.nodes.add(id);
    }
    for (const id of options.carrying?.ensure() ?? []) store.dirty.nodes.add(id);
    const unsent = new Map<string, unknown>();
    await each(store, store.dirty.nodes, unsent, (id) => assignOne(options, id));
    const touchedAtMs = touchedNodes.size > 0 ? touchedDueMs : NEVER;
    loop.wakeAt(Math.min(...wakeTimes.values(), silenceAtMs, touchedAtMs, look.dueMs()));
    for (const key of failed.keys()) store.dirty.services.add(key);
    for (const id of unsent.keys()) store.dirty.nodes.add(id);
    const errors = new Map([...failed, ...unsent]);
    if (errors.size > 0) throw new AggregateError(errors.values(), describe(errors));
  };

  const loop = startLoop(pass, {
    everyMs,
    onError: (error) => options.log.error({ error: messageOf(error) }, 'a pass failed and is tried again'),
  });
  const unwatch = store.watch((changes) => {
    for (const id of concernedNodes(states, changes.services)) store.dirty.nodes.add(id);
    // Also where nothing of it runs: what was wanted there of a rollout that is over (a build) ends.
    for (const id of changes.rollouts) store.dirty.nodes.add(store.rollout(id)?.node ?? '');
    store.dirty.nodes.delete('');
    concern(new Set([...changes.services, ...changes.touched]));
    if (touchedNodes.size === 0)
      touchedDueMs = Date.now() + Math.min(Math.max(GATHER * gatheredMs, MIN_GATHER_MS), MAX_GATHER_MS);
    for (const id of changes.touchedNodes) touchedNodes.add(id);
    if (touchedNodes.size > 0) loop.wakeAt(touchedDueMs);
    if (changes.services.size + changes.touched.size + changes.nodes.size > 0) loop.wake();
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}

/**
 * Writes which nodes are unreachable or lost by now, which leave the routes at once; answers when time alone changes that, infinity
 * when it does not.
 */
function judgeSilence({ states, store, presence, onSilence }: ReconcileOptions, nowMs: number): number {
  const timing = presence();
  const judged = states.nodes().map((node) => ({ node, ...presenceOf(node, timing, nowMs) }));
  const changed = judged.filter((one) => one.presence !== one.node.presence);
  if (changed.length > 0) {
    store.write((tx) => {
      for (const one of changed) onSilence(tx, one.node.id, one.presence, nowMs);
    });
    for (const { id, ingress } of states.nodes()) if (ingress) store.dirty.nodes.add(id);
  }
  return Math.min(...judged.flatMap(({ wakeAtMs }) => wakeAtMs ?? []));
}

/** Services that wait for something, or are being rolled out. */
const waiting = (states: States): string[] =>
  states.all().flatMap(({ service, rollout }) => {
    const isWaiting = rollout !== null || service.planned.waits.length > 0;
    return isWaiting ? [service.key] : [];
  });

/** Plans one service and writes the answer. */
function planOne(options: ReconcileOptions, key: string, wakeTimes: Map<string, number>): Then {
  const nowMs = Date.now();
  wakeTimes.delete(key);
  const snapshot = options.states.snapshot(key);
  if (!snapshot) return undefined;
  const held = [...heldWaits(options, snapshot), ...credentialWaits(options, snapshot)];
  const plan = held.length > 0 ? { actions: [], waits: held, wakeAtMs: null } : planService(snapshot, nowMs);
  const wakeAtMs = soonest(plan.wakeAtMs, nowMs);
  if (wakeAtMs !== null) wakeTimes.set(key, wakeAtMs);
  const isNews = plan.actions.length > 0 || !isDeepStrictEqual(plan.waits, snapshot.service.planned.waits);
  if (isNews) options.store.write((tx) => apply(tx, key, plan, nowMs));
  if (plan.actions.length === 0) return undefined;
  return () => options.log.info({ service: key, actions: plan.actions.map((a) => a.kind) }, 'planned');
}

/** What runs on a held node is not what this store says, so that nothing can be decided of the service; but for a lost one. */
function heldWaits({ store, states }: ReconcileOptions, { allocations }: ServiceSnapshot): string[] {
  return [...new Set(allocations.map(({ node }) => node))].flatMap((id) => {
    const node = states.node(id);
    if (!node || node.presence === 'lost' || holdOf(store, id) === null) return [];
    return [`${node.facts.name} may run other copies than this master knows: see \`orca nodes\``];
  });
}

/** A rollout does not begin before there are fresh credentials for its image. */
function credentialWaits({ registries }: ReconcileOptions, { rollout }: ServiceSnapshot): string[] {
  const why = rollout === null ? null : (registries?.waitFor(rollout) ?? null);
  return why === null ? [] : [why];
}

/** A time that has passed was part of what was just planned: to wake for it again would never end. */
function soonest(wakeAtMs: number | null, nowMs: number): number | null {
  if (wakeAtMs === null || wakeAtMs < nowMs - MIN_WAKE_MS) return null;
  return Math.max(wakeAtMs, nowMs + MIN_WAKE_MS);
}

function assignOne({ assignments, send }: ReconcileOptions, id: string): Then {
  const assignment = assignments.refresh(id);
  return assignment ? () => send(id, assignment) : undefined;
}

/**
 * Takes every key out and works on it, {@link TURN} of them in one commit; what follows is done after it, and then the sessions
 * and the API get their turn. One that fails does not keep the others from theirs.
 */
async function each(
  store: Store,
  keys: Set<string>,
  failed: Map<string, unknown>,
  work: (key: string) => Then,
): Promise<void> {
  const all = [...keys];
  for (let from = 0; from < all.length; from += TURN) {
    if (from > 0) await nextTurn();
    const some = all.slice(from, from + TURN);
    for (const key of some) keys.delete(key);
    for (const then of together(store, some, failed, work)) then();
  }
}

function together(
  store: Store,
  keys: readonly string[],
  failed: Map<string, unknown>,
  work: (key: string) => Then,
): (() => void)[] {
  const then: (() => void)[] = [];
  try {
    store.batch(() => {
      for (const key of keys)
        try {
          then.push(work(key) ?? nothing);
        } catch (error) {
          failed.set(key, error);
        }
    });
    return then;
  } catch (error) {
    for (const key of keys) failed.set(key, error);
    return [];
  }
}

const nothing = (): void => undefined;

const describe = (failed: Map<string, unknown>): string =>
  [...failed].map(([key, error]) => `${key}: ${messageOf(error)}`).join('; ');

/**
 * The nodes whose assignment the services have a part in: where it runs, where its image is resolved, and every ingress. What
 * runs nowhere is kept on all of them (see assignments.ts).
 */
function concernedNodes(states: States, services: ReadonlySet<string>): Set<string> {
  const concerned = new Set<string>();
  if (services.size === 0) return concerned;
  const nodes = states.nodes();
  for (const { id, ingress } of nodes) if (ingress) concerned.add(id);
  for (const key of services) {
    const state = states.get(key);
    const own = state?.allocations.map(({ node }) => node) ?? [];
    const isEverywhere = own.length === 0 || state?.rollout?.isSearching;
    for (const id of isEverywhere ? nodes.map((node) => node.id) : own) concerned.add(id);
    for (const { image } of state?.releases ?? []) if (image.node !== undefined) concerned.add(image.node);
    if (state?.rollout?.node) concerned.add(state.rollout.node);
  }
  return concerned;
}
