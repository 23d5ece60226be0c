/** The last steps of allocations that leave: drained ones are stopped, stopped ones forgotten once they are gone. */
import { namedDrainOf } from './named-drain.js';
import type { Seen } from './seen.js';
import type { Action, ServiceSnapshot } from './snapshot.js';
import { bothDrained, drainOf } from './traffic.js';

export interface Finished {
  actions: Action[];
  waits: string[];
  wakes: number[];
  /** Something left in this pass: a rollout has come further. */
  hasLeft: boolean;
}

/** What becomes of the leaving allocations now. */
export function finish(snapshot: ServiceSnapshot, seen: readonly Seen[], nowMs: number): Finished {
  const parts = seen.filter((s) => !s.isLive).map((s) => finishOne(snapshot, s, nowMs));
  const actions = parts.flatMap((part) => part.actions);
  return {
    actions,
    waits: parts.flatMap((part) => part.waits),
    wakes: parts.flatMap((part) => part.wakes),
    hasLeft: actions.length > 0,
  };
}

interface Part {
  actions: Action[];
  waits: string[];
  wakes: number[];
}

function finishOne(snapshot: ServiceSnapshot, seen: Seen, nowMs: number): Part {
  return seen.allocation.desired === 'draining' ? drain(snapshot, seen, nowMs) : forget(snapshot, seen);
}

function drain(snapshot: ServiceSnapshot, { allocation, isWeb }: Seen, nowMs: number): Part {
  const ingress = snapshot.nodes.map((view) => view.node).filter((node) => isWeb && node.ingress);
  const { id } = allocation;
  const drained = bothDrained(
    drainOf(allocation, snapshot.service.spec.deploy.drainTimeoutMs, ingress, nowMs),
    namedDrainOf(allocation, snapshot, nowMs),
  );
  if (drained.kind === 'wait') {
    const why = drained.reason === null ? '' : `: ${drained.reason}`;
    return {
      actions: [],
      waits: [`${id} is draining${why}`],
      wakes: drained.wakeAtMs === null ? [] : [drained.wakeAtMs],
    };
  }
  const stop: Action = {
    kind: 'set-desired',
    id,
    desired: 'stopped',
    drainingSinceMs: allocation.drainingSinceMs,
  };
  const message = `${id}: its drain deadline passed with ${drained.inFlight} in flight`;
  const actions =
    drained.inFlight > 0 ? [stop, eventOf(snapshot, allocation.node, 'drain-deadline', message)] : [stop];
  return { actions, waits: [`${id} is stopping`], wakes: [] };
}

function forget(snapshot: ServiceSnapshot, seen: Seen): Part {
  const { id, node, observed } = seen.allocation;
  const isForgotten = !snapshot.nodes.some((view) => view.node.id === node);
  if (observed?.state === 'gone' || isForgotten) {
    return { actions: [{ kind: 'delete-allocation', id }], waits: [], wakes: [] };
  }
  // Nothing of it is wanted or waited for: its node hears so when it is back, and is shown with it until then.
  if (seen.isLost && snapshot.service.desired === 'running') return { actions: [], waits: [], wakes: [] };
  return { actions: [], waits: [seen.isKnown ? `${id} is stopping` : `${id}: ${seen.doubt}`], wakes: [] };
}

function eventOf(snapshot: ServiceSnapshot, node: string, kind: string, message: string): Action {
  const rollout = snapshot.rollout?.id ?? null;
  return { kind: 'event', event: { kind, service: snapshot.service.key, node, rollout, message } };
}
