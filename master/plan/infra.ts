/**
 * What a push to an infrastructure repository comes to, as far as it is decided: which node reads it, what of the cluster it no longer has, and what
 * became of it once its rollouts have ended. PURE.
 */
import { BUILD_LABEL } from '../../shared/build.js';
import { projectOfPath } from '../../shared/config/service-files.js';
import type { InfraOutcome, InfraSource } from '../../shared/infra.js';
import type { Node, Rollout, Service } from '../../shared/model.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { ended } from './bursts.js';

/** A node that may build, since that is where git and the keys of repositories already are; of these not the one that has just failed. */
export function readerOf(
  nodes: readonly Node[],
  isLive: (node: string) => boolean,
  avoid: string | null,
): { node: Node } | { reason: string } {
  const areChosen = nodes.some(({ labels }) => labels[BUILD_LABEL] === 'true');
  const fit = nodes.filter(({ id, labels, facts }) => {
    const label = labels[BUILD_LABEL];
    return facts.reads === true && label !== 'false' && (!areChosen || label === 'true') && isLive(id);
  });
  const [best] = fit.sort((a, b) => rank(a, avoid) - rank(b, avoid) || (a.id < b.id ? -1 : 1));
  if (best) return { node: best };
  return {
    reason: `waits for a node that may read the repository: connected, with git 2.31, and not with the label ${BUILD_LABEL}=false`,
  };
}

const rank = ({ id, cordoned }: Node, avoid: string | null): number =>
  (id === avoid ? 2 : 0) + (cordoned ? 1 : 0);

/** What holds the commit of a push; a call that names none means the webhook's branch. */
export const refOf = ({ push }: Pick<Delivery, 'push'>, { branch }: Pick<Webhook, 'branch'>): string =>
  push.ref ?? `refs/heads/${branch ?? 'main'}`;

/** In the order in which their services are deployed. */
export const filesOf = (files: readonly { path: string; text: string }[]) =>
  [...files]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, text }) => ({ text, shown: path, project: projectOfPath(path) }));

/** Null: the files are some. An empty repository is a wrong path or a wrong branch, and never a wish to remove everything. */
export function emptyReason(files: readonly unknown[], { paths, prune }: InfraSource): string | null {
  if (files.length > 0) return null;
  return `it has no file that is ${paths.join(' or ')}; nothing was changed${prune ? ', and nothing removed' : ''}`;
}

/** What this webhook once deployed and the repository no longer has; what others brought is not its business. */
export function goneOf(services: readonly Service[], webhook: string, wanted: ReadonlySet<string>): string[] {
  return services
    .filter(
      ({ key, managedBy, desired }) => managedBy === webhook && desired !== 'removed' && !wanted.has(key),
    )
    .map(({ key }) => key)
    .sort();
}

/** Two repositories must not fight for a service; null: none of these is another's. */
export function strangerOf(
  services: readonly Service[],
  webhook: string,
  known: (id: string) => Webhook | undefined,
): string | null {
  for (const { key, managedBy } of services) {
    const other = managedBy === undefined || managedBy === webhook ? undefined : known(managedBy);
    if (other?.infra)
      return `${key} is deployed by the webhook ${other.id} of ${other.repo}; remove it from one of the two repositories`;
  }
  return null;
}

/** While its rollouts go on. */
export function workingReason({ services }: InfraOutcome, of: (id: string) => Rollout | null): string {
  const open = services.flatMap(({ service, rollout }) => {
    const found = rollout === null ? null : of(rollout);
    return found && found.endedAtMs === null
      ? [`${service}${found.reason === null ? '' : ` (${found.reason})`}`]
      : [];
  });
  return `deploys ${open.join(', ')}`;
}

/** The delivery once all of its rollouts have ended; null: they go on. `gone` is said, and what of it is to be removed is the caller's. */
export function settleInfra(
  delivery: Delivery & { infra: InfraOutcome },
  of: (id: string) => Rollout | null,
  nowMs: number,
): Delivery | null {
  const { services } = delivery.infra;
  const all = services.map((one) => ({ ...one, ...stateOf(one.rollout, of) }));
  if (all.some(({ state }) => state === 'open')) return null;
  const bad = all.filter(({ state }) => state === 'failed' || state === 'superseded');
  const done = namesOf(all, 'done');
  if (bad.length === 0) return ended(delivery, 'deployed', resultOf(delivery.infra, done), nowMs);
  const why = bad.map(({ service, reason }) => `${service}: ${reason ?? 'its rollout did not succeed'}`);
  const rest = done.length === 0 ? '' : `; deployed: ${done.join(', ')}`;
  const left = delivery.infra.gone.length === 0 ? '' : `; ${leftWords(delivery.infra)}`;
  const state = bad.some((one) => one.state === 'failed') ? 'failed' : 'superseded';
  return ended(delivery, state, `${why.join('; ')}${rest}${left}`, nowMs);
}

type State = 'open' | 'same' | 'done' | 'failed' | 'superseded';

function stateOf(
  id: string | null,
  of: (id: string) => Rollout | null,
): { state: State; reason: string | null } {
  if (id === null) return { state: 'same', reason: null };
  const rollout = of(id);
  if (rollout === null) return { state: 'failed', reason: 'its rollout is no longer known' };
  if (rollout.endedAtMs === null) return { state: 'open', reason: rollout.reason };
  const reason = rollout.failure?.message ?? rollout.reason;
  if (rollout.state === 'superseded') return { state: 'superseded', reason };
  if (rollout.state !== 'succeeded') return { state: 'failed', reason };
  return { state: rollout.reason?.startsWith('nothing to change') ? 'same' : 'done', reason };
}

const namesOf = (all: readonly { service: string; state: State }[], wanted: State): string[] =>
  all.flatMap(({ service, state }) => (state === wanted ? [service] : []));

function resultOf(infra: InfraOutcome, done: readonly string[]): string {
  const same = infra.services.length - done.length;
  const parts = [
    ...(done.length === 0 ? [] : [`deployed ${done.join(', ')}`]),
    ...(same === 0 ? [] : [`${same} unchanged`]),
    ...(infra.stopped.length === 0
      ? []
      : [`left as they are, since they are stopped: ${infra.stopped.join(', ')}`]),
    ...(infra.gone.length === 0
      ? []
      : [infra.isPruned ? `removed ${infra.gone.join(', ')}` : leftWords(infra)]),
  ];
  return parts.join('; ');
}

const leftWords = ({ gone }: InfraOutcome): string =>
  `no longer in the repository and left alone: ${gone.join(', ')}`;
