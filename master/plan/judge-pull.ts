/**
 * Whether a call about a pull request changes a preview, and if not, why. PURE. Whose commits are not known to be of the webhook's own
 * repository are a fork's, and nothing of a fork is built or run unless the webhook says so.
 */
import { type PreviewRules, type PullOfDelivery, previewName } from '../../shared/preview.js';
import type { ServiceKey } from '../../shared/spec.js';
import type { Push, Webhook } from '../../shared/webhook.js';
import { isSameRepo, otherRepo, skipReason } from './judge-push.js';
import { isReopening, type Pull } from './read-pull.js';
import type { Received } from './read-push.js';

export interface JudgedPull {
  push: Push;
  /** Null: it is to be brought out. */
  reason: string | null;
  /** The preview's. */
  service: ServiceKey;
  pull: PullOfDelivery;
}

type Of = Pick<Webhook, 'provider' | 'repo' | 'branch' | 'service'> & { previews: PreviewRules };

export function judgePull(webhook: Of, pull: Pull, received: Pick<Received, 'repo' | 'push'>): JudgedPull {
  const isFork = pull.headRepo === null || !isSameRepo(pull.headRepo, webhook.repo);
  const { push } = received;
  return {
    push: { ...push, ref: isFork ? pull.pullRef : (branchRef(pull.headBranch) ?? pull.pullRef) },
    reason: otherRepo(webhook, received.repo) ?? reasonToSkip(webhook, pull, isFork, push),
    service: previewName(webhook.service, pull.number),
    pull: {
      ...{ number: pull.number, action: pull.action, isFork },
      ...(isReopening(pull) ? { isReopened: true as const } : {}),
    },
  };
}

function reasonToSkip(webhook: Of, pull: Pull, isFork: boolean, push: Push): string | null {
  const { action, verb, number, baseBranch } = pull;
  if (action === 'none') return `"${verb}" of pull request ${number} brings no commit`;
  if (action === 'close') return null;
  if (webhook.branch !== null && baseBranch !== null && baseBranch !== webhook.branch)
    return `pull request ${number} is for the branch ${baseBranch}, not for ${webhook.branch}`;
  const fork = isFork ? forkReason(webhook.previews, number) : null;
  if (fork !== null) return fork;
  if (push.commit === null) return `pull request ${number} names no commit`;
  return skipReason(`${pull.title}\n${pull.headMessage}`);
}

/** Asked again when it is brought out: what a user repeats is no more allowed than what came in. */
export const forkReason = ({ forks }: PreviewRules, number: number): string | null =>
  forks
    ? null
    : `pull request ${number} is of a fork, of which nothing is built or run (the webhook has no --preview-forks)`;

/** The head's branch as git has it; null: it can't be one (git-check-ref-format). */
function branchRef(branch: string | null): string | null {
  // Gitea names the head of a pull request that has no branch (AGit) as `refs/pull/…`.
  if (branch === null || branch === '' || branch.length > 255 || branch.startsWith('refs/')) return null;
  const isBad =
    /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)/u.test(branch) || /^[/.]|[/.]$/.test(branch);
  return isBad ? null : `refs/heads/${branch}`;
}
