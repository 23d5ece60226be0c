/** How a push is brought out: what it begins, in one place. Refusals are OrcaErrors and have changed nothing. */
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

/** `builder` null: this Orca builds nothing, and no service can have `[service.build]` (service.toml refuses it by name). */
export function createBringOut(
  redeploy: (key: string, actor: Actor, tag: string | null) => string | null,
  builder: CommitBuilder | null,
): BringOut {
  return (service, delivery, actor) => {
    if (service.spec.build !== null) {
      if (builder) return builder.buildAt(service, delivery, actor);
      throw new OrcaError(
        'NOT_SUPPORTED',
        `${service.name} is to be built from source, which is not there yet`,
      );
    }
    const rollout = redeploy(service.key, actor, delivery.push.imageTag);
    if (rollout !== null) return rollout;
    throw new OrcaError('CONFLICT', `${service.name} has nothing to redeploy`);
  };
}
