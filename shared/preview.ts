/** Previews: copies of a service, one a pull request, as the master keeps them and as a spec says of itself that it is one (docs/previews.md). */
import * as z from 'zod';

/** In the spec of a preview: whose it is, and which commit. No file can say so: only a webhook's pull requests make previews. */
export const previewMarkSchema = z.object({
  /** `project/name` of the service that it is a copy of. */
  of: z.string(),
  /** The webhook whose pull request it is; without that one there is no preview. */
  webhook: z.string(),
  /** Of the pull request, `org/name#number`. */
  repo: z.string(),
  number: z.number().int(),
  commit: z.object({ sha: z.string(), ref: z.string() }),
  /** When the push of that commit came in, and how long after the last one it goes, ms. */
  pushedAtMs: z.number(),
  ttlMs: z.number(),
});
export type PreviewMark = z.infer<typeof previewMarkSchema>;

/** Of a webhook that makes previews. */
export interface PreviewRules {
  /** So many at once. */
  limit: number;
  /** So long after its last push a preview is removed, whatever became of its pull request, ms. */
  ttlMs: number;
  /** Whether code of other repositories is built and run. */
  forks: boolean;
}

/** What is kept of a call about a pull request. */
export interface PullOfDelivery {
  number: number;
  /** `update`: it has a commit to be deployed; `close`: it is over, merged or not; `none`: it changed nothing of that. */
  action: 'update' | 'close' | 'none';
  /** Its commits are of another repository, or it is not known of which. */
  isFork: boolean;
  /** It opens one again that was closed. Absent: it does not. */
  isReopened?: true;
}

const DAY_MS = 86_400_000;
export const PREVIEW_LIMIT = 5;
export const MAX_PREVIEW_LIMIT = 100;
export const PREVIEW_TTL_MS = 7 * DAY_MS;
export const MAX_PREVIEW_TTL_MS = 365 * DAY_MS;
/** Numbers of pull requests are no larger anywhere. */
export const MAX_PULL_NUMBER = 999_999_999;

/** Of a service's name or key, that of its preview. */
export const previewName = (service: string, number: number): string => `${service}-pr-${number}`;

/** When it goes at the latest, ms; `lastRolloutAtMs`: when the newest rollout that a push began did so, 0: none is known. */
export const expiresAtMs = ({ pushedAtMs, ttlMs }: PreviewMark, lastRolloutAtMs: number): number =>
  Math.max(pushedAtMs, lastRolloutAtMs) + ttlMs;
