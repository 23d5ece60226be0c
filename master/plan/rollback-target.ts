/** Which release a rollback goes to. Pure; refusals are OrcaErrors. */
import { OrcaError } from '../../shared/errors.js';
import type { Release, Rollout } from '../../shared/model.js';
import type { ServiceCurrent } from './snapshot.js';

/** Release `number` as it is kept. Refuses with RELEASE_NOT_FOUND, naming those that are, and with CONFLICT one whose pre_deploy job
 *  never ended well: nothing that it needs done was done. */
export function releaseOf({ service, releases, history }: ServiceCurrent, number: number): Release {
  const found = releases.find((release) => release.number === number);
  if (found && !isUnprepared(found, history)) return found;
  if (found)
    throw new OrcaError(
      'CONFLICT',
      `v${number} of ${service.name} has never run: its pre_deploy job did not end well`,
      { hint: 'Mend the job and deploy that release again: a rollback runs no job.' },
    );
  const kept = releases.map((release) => `v${release.number}`).join(', ');
  throw new OrcaError(
    'RELEASE_NOT_FOUND',
    `${service.name} has no release v${number}; kept are: ${kept || 'none'}`,
  );
}

/** What "back" means: while something newer is half-way, what served before it; else what served before it, and where that is not
 *  known the last earlier release that ever succeeded. Refuses with NOTHING_TO_ROLL_BACK. */
export function previousOf(current: ServiceCurrent): Release {
  const { stable, tolerated, previous } = current.service.planned;
  const isHalfWay = current.rollout !== null || tolerated !== null;
  const found = isHalfWay
    ? current.releases.find((release) => release.number === stable)
    : (current.releases.find((release) => release.number === previous) ??
      current.releases
        .filter((release) => isEarlierSuccess(release, current))
        .sort((a, b) => b.number - a.number)[0]);
  if (found) return found;
  throw new OrcaError(
    'NOTHING_TO_ROLL_BACK',
    `${current.service.name} has no earlier release that ever served`,
  );
}

/** A release of which no rollout is remembered any more has the benefit of the doubt. */
function isEarlierSuccess({ number }: Release, { service, history }: ServiceCurrent): boolean {
  const { stable } = service.planned;
  const known = history.filter((rollout) => rollout.release === number);
  const hasServed = known.length === 0 || known.some((rollout) => rollout.state === 'succeeded');
  return stable !== null && number < stable && hasServed;
}

/** Each rollout that was to bring it ended before its job had ended well. */
function isUnprepared({ number }: Release, history: readonly Rollout[]): boolean {
  const known = history.filter(({ kind, release }) => kind !== 'rollback' && release === number);
  return (
    known.length > 0 &&
    known.every(
      ({ state, spec, job }) => state !== 'succeeded' && spec.deploy.preDeploy != null && job?.exitCode !== 0,
    )
  );
}

/** It is what serves, alone, with nothing under way. */
export function isRunning({ service, rollout }: ServiceCurrent, { number }: Release): boolean {
  const { stable, tolerated } = service.planned;
  return rollout === null && tolerated === null && stable === number && service.desired === 'running';
}
