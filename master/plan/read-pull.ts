/**
 * What a call about a pull request says, of GitHub, Gitea (Forgejo) and GitLab, in one form. PURE. What is of a wrong type is refused with
 * its place. Whose commits they are is as it is said there: a repository that is not named is unknown, and nothing else.
 *
 * The forms: https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request · https://docs.gitea.com/usage/webhooks and
 * `modules/structs/hook.go` of Gitea (`PullRequestPayload`; its actions `opened`, `reopened`, `synchronized`, `closed`) ·
 * https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events (`oldrev` is there when commits were pushed)
 */
import * as z from 'zod';
import { MAX_PULL_NUMBER, type PullOfDelivery } from '../../shared/preview.js';
import type { Provider } from '../../shared/webhook.js';

export interface Pull {
  number: number;
  action: PullOfDelivery['action'];
  /** As the provider calls what happened. */
  verb: string;
  /** Whose commits they are; null: it does not say. */
  headRepo: string | null;
  /** Branches, without `refs/heads/`; null: it does not say. */
  headBranch: string | null;
  baseBranch: string | null;
  /** Its head, as the provider wrote it. */
  sha: string | null;
  /** Its title, and the message of its head where the provider gives that. */
  title: string;
  headMessage: string;
  author: string | null;
  /** When it was last changed, ms; null: it does not say. */
  updatedAtMs: number | null;
  /** Where the provider keeps the head of any pull request, a fork's too, in the repository that it is for. */
  pullRef: string;
}

const word = z.string().max(1_024).nullish();
const number = z.number().int().min(1).max(MAX_PULL_NUMBER);
const person = z.object({ login: word, username: word, name: word }).nullish();
const endSchema = z.object({ ref: word, sha: word, repo: z.object({ full_name: word }).nullish() }).nullish();
const pullSchema = z.object({
  action: word,
  pull_request: z.object({
    ...{ number, state: word, title: word, updated_at: word, user: person },
    ...{ head: endSchema, base: endSchema },
  }),
});
const mergeSchema = z.object({
  user: person,
  object_attributes: z.object({
    ...{ iid: number, action: word, state: word, title: word, updated_at: word, oldrev: word },
    ...{ source_branch: word, target_branch: word },
    source: z.object({ path_with_namespace: word }).nullish(),
    last_commit: z.object({ id: word, message: z.string().nullish() }).nullish(),
  }),
});

const events: Record<Provider, readonly string[]> = {
  github: ['pull_request'],
  gitea: ['pull_request', 'pull_request_sync'],
  gitlab: ['Merge Request Hook'],
  generic: [],
};

export const isPullEvent = (provider: Provider, event: string): boolean => events[provider].includes(event);

/** Or what is wrong with it. */
export function readPull(provider: Provider, payload: unknown): Pull | z.ZodError {
  if (provider === 'gitlab') {
    const merge = mergeSchema.safeParse(payload);
    return merge.success ? ofMerge(merge.data) : merge.error;
  }
  const pull = pullSchema.safeParse(payload);
  return pull.success ? ofPull(pull.data) : pull.error;
}

function ofPull({ action, pull_request: pull }: z.output<typeof pullSchema>): Pull {
  const verb = action ?? '';
  return {
    number: pull.number,
    action: actionOf(verb, pull.state === 'closed'),
    verb,
    headRepo: pull.head?.repo?.full_name ?? null,
    headBranch: pull.head?.ref ?? null,
    baseBranch: pull.base?.ref ?? null,
    sha: pull.head?.sha ?? null,
    title: pull.title ?? '',
    headMessage: '',
    author: pull.user?.login ?? pull.user?.username ?? null,
    updatedAtMs: timeOf(pull.updated_at),
    pullRef: `refs/pull/${pull.number}/head`,
  };
}

function ofMerge({ user, object_attributes: merge }: z.output<typeof mergeSchema>): Pull {
  const verb = merge.action ?? '';
  const isPush = verb !== 'update' || (merge.oldrev ?? '') !== '';
  return {
    number: merge.iid,
    action: isPush ? actionOf(verb, merge.state === 'closed' || merge.state === 'merged') : 'none',
    verb,
    headRepo: merge.source?.path_with_namespace ?? null,
    headBranch: merge.source_branch ?? null,
    baseBranch: merge.target_branch ?? null,
    sha: merge.last_commit?.id ?? null,
    title: merge.title ?? '',
    headMessage: merge.last_commit?.message ?? '',
    author: user?.username ?? user?.name ?? null,
    updatedAtMs: timeOf(merge.updated_at),
    pullRef: `refs/merge-requests/${merge.iid}/head`,
  };
}

const updates = ['opened', 'reopened', 'synchronize', 'synchronized', 'open', 'reopen', 'update'];
const reopens = ['reopened', 'reopen'];
const closes = ['closed', 'close', 'merge'];

/** What is said to change while it is closed changes nothing that is to run. */
function actionOf(verb: string, isClosed: boolean): PullOfDelivery['action'] {
  if (closes.includes(verb)) return 'close';
  return updates.includes(verb) && !isClosed ? 'update' : 'none';
}

export const isReopening = ({ action, verb }: Pick<Pull, 'action' | 'verb'>): boolean =>
  action === 'update' && reopens.includes(verb);

/** GitLab writes `2026-01-31 12:00:00 UTC`. */
function timeOf(text: string | null | undefined): number | null {
  const atMs = Date.parse(text ?? '');
  return Number.isNaN(atMs) ? null : atMs;
}
