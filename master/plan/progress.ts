/** How far an open rollout has come: the observed facts that `advance` decides on, and nothing else. */
import {
  type Counted,
  isStarting,
  type Node,
  type Release,
  type Rollout,
  type Settings,
} from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import type { DeploySpec } from '../../shared/spec.js';
import { builderOf, isBuilt } from './builds.js';
import type { Finished } from './finish.js';
import { type Groups, isGone } from './groups.js';
import { intentsOf } from './intent.js';
import { place } from './place.js';
import { findImage } from './search.js';
import { doubtOf, type Seen } from './seen.js';
import { type InForce, shapeOfRollout } from './shape.js';
import { type Slots, slotsOf } from './slots.js';
import type { ServiceSnapshot } from './snapshot.js';
import { weightInForce } from './traffic.js';
import { lackOf, slotWaits } from './waits.js';

export interface Progress {
  replicas: number;
  /** What is in force now. */
  settings: Settings;
  /** Of it; a deploy may have changed them in place since the rollout began. */
  deploy: DeploySpec;
  /** Percent that the canary group is given. */
  weight: number;
  canary: CanaryProgress;
  isStableGone: boolean;
  /** Whether the ingresses serve it as it is in force now. */
  shape: InForce;
  figures: readonly Counted[];
  /** The pre_deploy job of this rollout, also while it is being stopped. */
  job: Seen | null;
  /** The release it brings, once that exists. */
  target: Release | null;
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
  /** The service is stopped until this rollout has succeeded: nothing of it serves. */
  isStarting: boolean;
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

export interface CanaryProgress {
  /** Every wanted allocation of the group serves. */
  isWhole: boolean;
  /** Every live ingress node says that it gives the group its `weight`, of the service as it is in force; the reason when one does not. */
  isInForce: boolean;
  forceReason: string;
  /** Nothing of the group is left. */
  isGone: boolean;
  blockers: string[];
}

export interface Preparation {
  /** Where the image is resolved; null while no node is eligible (`refusal` says why). */
  node: Node | null;
  /** Where it was to be until now; null: nowhere, or that node is no longer known. */
  before: Node | null;
  refusal: string | null;
  image: ImageObserved | null;
  /** The node that has it, once one is known to. */
  from: Node | null;
  /** There are nodes beside `node` that may have it. */
  hasOthers: boolean;
  /** `depends_on` services of which none is ready, with what is known of them. */
  missing: string[];
}

/** The progress of `snapshot.rollout`. */
export function progressOf(
  snapshot: ServiceSnapshot,
  rollout: Rollout,
  groups: Groups,
  finished: Finished,
): Progress {
  const { service, releases } = snapshot;
  const { planned } = service;
  const find = (number: number | null): Release | null => releases.find((r) => r.number === number) ?? null;
  const intents = intentsOf(service, planned, rollout, releases);
  const slots = slotsOf(groups.stable, intents.stable.wish);
  const canary = slotsOf(groups.canary, intents.canary.wish);
  const target = find(rollout.release);
  const ingress = snapshot.nodes.flatMap(({ node }) => (node.ingress ? [node] : []));
  const shape = shapeOfRollout(snapshot, rollout, ingress);
  return {
    replicas: service.replicas,
    settings: { spec: service.spec, replicas: service.replicas },
    deploy: service.spec.deploy,
    weight: planned.canaryWeight,
    canary: canaryProgress(snapshot, canary, groups, { shape, ingress }),
    isStableGone: isGone(groups.stable),
    shape,
    figures: snapshot.figures,
    job: groups.job.find((s) => s.allocation.release === rollout.release) ?? null,
    target,
    canJudge: snapshot.nodes.some((view) => doubtOf(view.node) === null),
    isLetting: [...slots.leaving, ...canary.leaving].some(
      (s) => s.isKnown && s.allocation.desired === 'draining',
    ),
    hasLeft: finished.hasLeft,
    preparation: preparationOf(snapshot, rollout),
    culprit: rollout.state === 'rolling' ? culpritOf(rollout, slots) : canaryCulprit(canary),
    healthyAtMs: lastHealthyAt([...slots.holders, ...canary.holders]),
    isStarting: isStarting(service, rollout),
    isDone: isDone(slots, intents.stable.wanted) && isGone(groups.canary),
    isReplaced: isReplaced(groups.stable, service.replicas, rollout),
    blockers: blockersOf(slots),
    stable: find(planned.stable),
    from: find(rollout.from),
    stored: rollout.kind === 'rollback' ? target : null,
    nextRelease: planned.nextRelease,
  };
}

function canaryProgress(
  { service }: ServiceSnapshot,
  slots: Slots,
  groups: Groups,
  { shape, ingress }: { shape: InForce; ingress: readonly Node[] },
): CanaryProgress {
  const force = weightInForce(service.key, service.planned.canaryWeight, ingress);
  return {
    isWhole: slots.holders.every((s) => s?.isServing),
    isInForce: force.isInForce && shape.isInForce,
    forceReason: force.isInForce ? shape.reason : force.reason,
    isGone: isGone(groups.canary),
    blockers: blockersOf(slots),
  };
}

/** So many crashes of one that was routed already say more than bad luck. */
const CANARY_CRASHES = 3;

/** Before it is routed its first exit is one too many; after that its agent replaces it, up to a point. */
function canaryCulprit({ holders }: Slots): Seen | null {
  const isFatal = (s: Seen | null): boolean =>
    s !== null &&
    (s.state === 'exited' ||
      s.state === 'failed' ||
      (s.allocation.observed?.restarts ?? 0) >= CANARY_CRASHES);
  return holders.find(isFatal) ?? null;
}

function preparationOf(snapshot: ServiceSnapshot, rollout: Rollout): Preparation {
  const chosen = snapshot.nodes.find((view) => view.node.id === rollout.node)?.node ?? null;
  const isKept = chosen !== null && doubtOf(chosen) === null;
  const choice = isBuilt(rollout)
    ? builderOf(snapshot, rollout)
    : isKept
      ? null
      : place(rollout.spec, snapshot.nodes, []);
  const node = choice === null ? chosen : choice.node;
  const found = findImage(
    rollout,
    node,
    snapshot.nodes.map((view) => view.node),
  );
  return {
    node,
    before: chosen,
    refusal: choice?.refusal ?? null,
    image: found.image,
    from: found.node,
    hasOthers: snapshot.nodes.some((view) => view.node !== node && view.node.facts.carries === true),
    missing: rollout.spec.dependsOn.flatMap((name) => {
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
function lastHealthyAt(holders: readonly (Seen | null)[]): number | null {
  const times = holders.flatMap((s) =>
    s?.isHealthy && s.healthyAtMs !== null && s.allocation.desired === 'running' ? [s.healthyAtMs] : [],
  );
  return times.length === 0 ? null : Math.max(...times);
}

/** While a rollout prepares, others may hold slots too: those are not what was asked for. */
function isDone({ holders, extras, leaving }: Slots, wanted: Release | null): boolean {
  return (
    holders.every((s) => s?.isServing && s.allocation.release === wanted?.number) &&
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
