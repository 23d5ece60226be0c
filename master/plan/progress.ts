/** How far an open rollout has come: the observed facts that `advance` decides on, and nothing else. */
import type { Node, Release, Rollout } from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import type { Finished } from './finish.js';
import { intentOf } from './intent.js';
import { place } from './place.js';
import { doubtOf, type Seen } from './seen.js';
import { type Slots, slotsOf } from './slots.js';
import type { ServiceSnapshot } from './snapshot.js';
import { lackOf, slotWaits } from './waits.js';

export interface Progress {
  replicas: number;
  /** False: no node can be heard, so that no deadline is held against the rollout. */
  canJudge: boolean;
  /** Old allocations are finishing requests (their own deadline bounds that); the progress deadline waits for them. */
  isLetting: boolean;
  /** An old one has left in this very pass. */
  hasLeft: boolean;
  preparation: Preparation;
  /** A new allocation that can't come up: it exited, or can't be made. */
  culprit: Seen | null;
  /** When the last new allocation turned healthy; null: none has since it was last counted. */
  healthyAtMs: number | null;
  /** Every slot is served by the release moved to, and nothing else runs or drains. */
  isDone: boolean;
  /** An old allocation has been retired for a new one: stopping here would not be harmless. */
  isReplaced: boolean;
  /** What keeps it, in sentences. */
  blockers: string[];
  stable: Release | null;
  from: Release | null;
  /** The stored release of a rollback. */
  stored: Release | null;
  nextRelease: number;
}

export interface Preparation {
  /** Where the image is resolved; null while no node is eligible (`refusal` says why). */
  node: Node | null;
  refusal: string | null;
  image: ImageObserved | null;
  /** `depends_on` services of which none is ready, with what is known of them. */
  missing: string[];
}

/** The progress of `snapshot.rollout`. */
export function progressOf(
  snapshot: ServiceSnapshot,
  rollout: Rollout,
  seen: readonly Seen[],
  finished: Finished,
): Progress {
  const { service, releases } = snapshot;
  const { planned } = service;
  const find = (number: number | null): Release | null => releases.find((r) => r.number === number) ?? null;
  const slots = slotsOf(seen, intentOf(service, planned, rollout, releases).wish);
  const culprit = culpritOf(rollout, slots);
  return {
    replicas: service.replicas,
    canJudge: snapshot.nodes.some((view) => doubtOf(view.node) === null),
    isLetting: slots.leaving.some((s) => s.isKnown && s.allocation.desired === 'draining'),
    hasLeft: finished.hasLeft,
    preparation: preparationOf(snapshot, rollout),
    culprit,
    healthyAtMs: lastHealthyAt(slots),
    isDone: isDone(slots),
    isReplaced: isReplaced(seen, service.replicas, rollout),
    blockers: blockersOf(slots),
    stable: find(planned.stable),
    from: find(rollout.from),
    stored: rollout.kind === 'rollback' ? find(rollout.release) : null,
    nextRelease: planned.nextRelease,
  };
}

function preparationOf(snapshot: ServiceSnapshot, rollout: Rollout): Preparation {
  const chosen = snapshot.nodes.find((view) => view.node.id === rollout.node)?.node ?? null;
  const need = { placement: snapshot.service.spec.placement, container: rollout.spec.container };
  const choice = chosen && doubtOf(chosen) === null ? null : place(need, snapshot.nodes, []);
  const node = choice === null ? chosen : choice.node;
  return {
    node,
    refusal: choice?.refusal ?? null,
    image: node?.images.find((image) => image.id === rollout.id) ?? null,
    missing: snapshot.service.spec.dependsOn.flatMap((name) => {
      const sibling = snapshot.siblings.find((s) => s.name === name);
      if (!sibling) return [`waits for ${name}: no such service in project ${snapshot.service.project}`];
      return sibling.ready > 0 ? [] : [`waits for ${name}: none of its allocations is ready`];
    }),
  };
}

/** Only what this rollout itself started is judged by its first exit; the rest is replaced by its agent. */
function culpritOf(rollout: Rollout, { holders }: Slots): Seen | null {
  const isFatal = (s: Seen | null): boolean => s !== null && (s.state === 'exited' || s.state === 'failed');
  return (
    holders.find((s) => isFatal(s) && s !== null && s.allocation.createdAtMs >= rollout.startedAtMs) ?? null
  );
}

/** Routed ones were counted when they were routed; counting them again would let a flapping one go on for ever. */
function lastHealthyAt({ holders }: Slots): number | null {
  const times = holders.flatMap((s) =>
    s?.isHealthy && s.healthyAtMs !== null && s.allocation.desired === 'running' ? [s.healthyAtMs] : [],
  );
  return times.length === 0 ? null : Math.max(...times);
}

function isDone({ holders, extras, leaving }: Slots): boolean {
  return (
    holders.every((s) => s?.isServing) &&
    extras.length === 0 &&
    leaving.every((s) => s.allocation.desired === 'stopped')
  );
}

function isReplaced(seen: readonly Seen[], replicas: number, rollout: Rollout): boolean {
  if (rollout.from === null || rollout.from === rollout.release) return false;
  const stays = (slot: number): boolean =>
    seen.some((s) => s.isLive && s.allocation.slot === slot && s.allocation.release === rollout.from);
  return !Array.from({ length: replicas }, (_, slot) => slot).every(stays);
}

function blockersOf(slots: Slots): string[] {
  const extras = slots.extras.filter((s) => !s.isKnown).map(lackOf);
  return [...slotWaits(slots), ...extras];
}
