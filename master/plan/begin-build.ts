/** Which commit a request brings, of a service that is built from source; and the end of a build that a user gives up. Pure. */
import type { WantedCommit } from '../../shared/build.js';
import { OrcaError } from '../../shared/errors.js';
import type { Rollout } from '../../shared/model.js';
import { isBuilt } from './builds.js';
import { acted } from './requests.js';
import type { Begun, RequestContext, ServiceCurrent } from './snapshot.js';

/** That very commit; null: the head of the service's branch. */
export function withCommit(begun: Begun, commit: WantedCommit | null): Begun {
  const { rollout } = begun;
  return rollout === null || commit === null || !isBuilt(rollout)
    ? begun
    : { ...begun, rollout: { ...rollout, commit } };
}

/** What runs was built from this, so that new values of secrets bring no new code; null: it was not built, or nothing runs. */
export function commitThatRuns({ service, releases, rollout }: ServiceCurrent): WantedCommit | null {
  if (rollout?.commit) return rollout.commit;
  if (service.spec.preview) return service.spec.preview.commit;
  const release = releases.find(({ number }) => number === service.planned.stable);
  const { built, spec } = release ?? {};
  return built ? { sha: built.commit, ref: `refs/heads/${spec?.build?.branch ?? 'main'}` } : null;
}

/** The rollout as its planner is to end it. Refuses with CONFLICT what builds nothing any more. */
export function cancelBuild(rollout: Rollout, build: string, context: RequestContext): Rollout {
  const isBuilding = rollout.endedAtMs === null && rollout.state === 'preparing' && isBuilt(rollout);
  if (!isBuilding) throw new OrcaError('CONFLICT', `the build ${build} is over; there is nothing to cancel`);
  const { by, nowMs } = context;
  return { ...acted(rollout, 'cancel', `build ${build}`, context), cancelled: { by, atMs: nowMs } };
}
