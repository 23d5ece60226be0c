/** PURE: when a followed rollout has come as far as the command that began it waits for, and whether that is good. */
import type { RolloutFrame, RolloutSummary } from '../shared/api.js';

export interface Ends {
  /** Nothing more is waited for. */
  isDone(frame: RolloutFrame): boolean;
  /** Of a frame that is done: what was asked for has happened. */
  isGood(frame: RolloutFrame): boolean;
}

const hasEnded = ({ rollout }: RolloutFrame): boolean => rollout.ended_at !== null;
const hasSucceeded = ({ rollout }: RolloutFrame): boolean => rollout.state === 'succeeded';
/** A canary has its share, and only a user moves it on. */
export const stands = ({ rollout }: RolloutFrame): boolean => rollout.canary?.waits_for_promote === true;

/** Of a deploy: its end, or a canary that waits for a promote. */
export const deployEnds: Ends = {
  isDone: (frame) => hasEnded(frame) || stands(frame),
  isGood: (frame) => hasSucceeded(frame) || stands(frame),
};

/** Of `promote`: its end. A canary that stands again has not become stable. */
export const promoteEnds: Ends = { isDone: deployEnds.isDone, isGood: hasSucceeded };

/** Of `promote --weight`: the share is in force. */
export function weightEnds(weight: number): Ends {
  const isThere = ({ rollout: { canary } }: RolloutFrame): boolean =>
    canary?.weight === weight && canary.weight_in_force;
  return {
    isDone: (frame) => hasEnded(frame) || isThere(frame),
    isGood: (frame) => hasSucceeded(frame) || isThere(frame),
  };
}

/** Of a rollback: the release is back. A canary's own rollout that ends because it was asked to is what was asked for. */
export const rollbackEnds: Ends = {
  isDone: hasEnded,
  isGood: (frame) => hasSucceeded(frame) || wasTakenBack(frame),
};

/** It ended because a user took it back, not because it failed. */
export function wasTakenBack({ rollout }: RolloutFrame): boolean {
  const isAsked = rollout.kind !== 'rollback' && rollout.acts.some(({ verb }) => verb === 'rollback');
  return isAsked && rollout.ended_at !== null && rollout.failure === null;
}

/** Its reason without the word that its state says already. */
export function reasonOf({ reason }: RolloutSummary): string | null {
  return reason?.replace(/^superseded: /, '') ?? null;
}

/** The same where its failure stands beside it: only what came of that. */
export function outcomeOf(rollout: RolloutSummary): string | null {
  const { failure } = rollout;
  const reason = reasonOf(rollout);
  if (reason === null || failure === null || !reason.startsWith(failure.reason)) return reason;
  return reason.slice(failure.reason.length).replace(/^; /, '') || null;
}
