/** What comes to a service: pushes that wait, and the build that its rollout waits for. */
import type { PendingView } from '../../shared/api-builds.js';
import { buildIdOf, isOver } from '../../shared/build.js';
import type { Store } from '../store/store.js';

/** A push that deploys already is what its rollout says. */
export function pendingOf(
  store: Pick<Store, 'openDeliveries' | 'activeRollout' | 'build'>,
  service: string,
): PendingView[] {
  const pushes = store
    .openDeliveries(service)
    .filter(({ state }) => state === 'waiting')
    .map(({ id, push, reason }) => ({ kind: 'push' as const, id, commit: push.commit, reason }));
  const rollout = store.activeRollout(service);
  const build = rollout && store.build(buildIdOf(rollout.id));
  if (!build || isOver(build)) return pushes;
  const { id, commit, state, reason } = build;
  return [{ kind: 'build', id, commit, reason: reason === null ? state : `${state}: ${reason}` }, ...pushes];
}
