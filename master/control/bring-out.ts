/** How a push is brought out: what it begins, in one place. Refusals are OrcaErrors and have changed nothing. */
import type { WantedCommit } from '../../shared/build.js';
import { OrcaError } from '../../shared/errors.js';
import type { Service } from '../../shared/model.js';
import type { Delivery } from '../../shared/webhook.js';
import type { Actor } from './commands.js';

/** Builds a service that has `[service.build]`, as of the pushed commit, and rolls it out. */
export interface CommitBuilder {
  /** The id of the rollout that brings the commit. */
  buildAt(service: Service, delivery: Delivery, actor: Actor): string;
}

export type BringOut = (service: Service, delivery: Delivery, actor: Actor) => string;

type Rebuild = (key: string, actor: Actor, commit: WantedCommit | null) => string | null;

/** A push that names its commit is built as of that, whatever was pushed since; one that does not, as of the branch's head. */
export const commitBuilder = (rebuild: Rebuild): CommitBuilder => ({
  buildAt: (service, { push }, actor) => {
    const ref = push.ref ?? `refs/heads/${service.spec.build?.branch ?? 'main'}`;
    const rollout = rebuild(service.key, actor, push.commit === null ? null : { sha: push.commit, ref });
    if (rollout !== null) return rollout;
    throw new OrcaError('CONFLICT', `${service.name} has nothing to build`);
  },
});

export function createBringOut(
  redeploy: (key: string, actor: Actor, tag: string | null) => string | null,
  builder: CommitBuilder,
): BringOut {
  return (service, delivery, actor) => {
    if (service.spec.build !== null) return builder.buildAt(service, delivery, actor);
    const rollout = redeploy(service.key, actor, delivery.push.imageTag);
    if (rollout !== null) return rollout;
    throw new OrcaError('CONFLICT', `${service.name} has nothing to redeploy`);
  };
}
