/** Webhooks and what came in over them, as the master keeps both (docs/webhooks.md). */

import type { InfraOutcome, InfraSource } from './infra.js';
import type { PreviewRules, PullOfDelivery } from './preview.js';
import type { ServiceKey } from './spec.js';

export const providers = ['github', 'gitea', 'gitlab', 'generic'] as const;
/** Whose form a delivery has; `generic`: any JSON, signed as GitHub does. */
export type Provider = (typeof providers)[number];

/** One service that is deployed by the pushes of one repository. */
export interface Webhook {
  /** `wh-` and eight hex digits; part of its URL. */
  id: string;
  provider: Provider;
  /** `org/name`, as its owner wrote it. */
  repo: string;
  service: ServiceKey;
  /** Null: the repository's default branch, or none where `tag` is given. */
  branch: string | null;
  /** Globs; a push that touches none of them does not deploy. Empty: every push does. */
  paths: string[];
  /** Glob of the tags that deploy; null: none do. */
  tag: string | null;
  /** Generic only: where in its payload the image's tag stands, as `push_data.tag`; null: the image stays. */
  imageTag: string | null;
  /** Sealed with the home's master.key. */
  sealedSecret: string;
  /** Whether the commit is told what became of it: at which API, with the token in which secret. Absent: it is not. */
  /** `reachesInside`: an admin named the address, which may be this host's own. */
  report?: { secret: string; api: string; reachesInside?: true };
  /** Absent: pull requests make nothing. */
  previews?: PreviewRules;
  /** Its pushes deploy what the repository says (`shared/infra`), and `service` is `infraKey`. Absent: they deploy one service. */
  infra?: InfraSource;
  by: string;
  createdAtMs: number;
}

/** What is kept of a payload. All text is its sender's: bounded, and without control characters. */
export interface Push {
  /** As the provider calls it, such as `push` or `Tag Push Hook`. */
  event: string;
  /** `refs/heads/main`; null: it names none. */
  ref: string | null;
  /** The commit before and after, lower case hex; null: unknown, or there is none. */
  before: string | null;
  commit: string | null;
  author: string | null;
  /** The first line of the head commit's message. */
  message: string | null;
  /** The first of the paths that it touches, and how many there are; null: not known (see plan/touched). */
  paths: string[];
  pathCount: number | null;
  /** When the provider took the push, ms; null: it does not say. */
  pushedAtMs: number | null;
  imageTag: string | null;
}

export type DeliveryState =
  | 'waiting' // for the quiet after it
  | 'deploying'
  | 'deployed'
  | 'failed'
  | 'superseded' // a newer push took its place
  | 'removed' // its pull request is over, and the preview goes
  | 'skipped'; // it was not meant to deploy

/** One call, as one webhook received it. */
export interface Delivery {
  /** `d-`, base 36 milliseconds and eight hex digits: ids sort by their time. */
  id: string;
  webhook: string;
  /** The webhook's, or the preview that the call is about. */
  service: ServiceKey;
  /** Absent: it is about no pull request. */
  pull?: PullOfDelivery;
  /** The provider's own id of the call; null: it gave none. */
  remoteId: string | null;
  /** SHA-256 of the body, hex. */
  digest: string;
  push: Push;
  receivedAtMs: number;
  state: DeliveryState;
  /** Why it waits, was skipped, failed or was superseded; what came of it. Null only while it moves. */
  reason: string | null;
  /** When the first of the pushes that are taken together came in, ms. */
  burstSinceMs: number;
  rollout: string | null;
  endedAtMs: number | null;
  /** The delivery that this is a repetition of, by a user; null: it came in by itself. */
  redeliveryOf: string | null;
  /** Of a webhook that reports: what the provider was told last. */
  report?: Report;
  /** Of a push to an infrastructure repository: what it comes to. Absent: it has not begun, or is of one service. */
  infra?: InfraOutcome;
}

/** A commit's status, in the words of GitHub and Gitea. */
export type CommitState = 'pending' | 'success' | 'failure' | 'error';

export interface Report {
  /** What the provider has taken; null: nothing yet. */
  told: CommitState | null;
  /** What it was to be told at the last try that failed; null: none has since. */
  tried: CommitState | null;
  /** Tries of that which failed. */
  failures: number;
  /** It is not tried again before that, ms. */
  nextAtMs: number;
  /** Why the last try failed; null: it did not. */
  problem: string | null;
}

/** What a commit is told of each state. */
export const commitStates: Record<DeliveryState, CommitState> = {
  waiting: 'pending',
  deploying: 'pending',
  deployed: 'success',
  failed: 'failure',
  superseded: 'error',
  removed: 'success',
  skipped: 'error',
};

/** Then the provider is told no more of it, and the delivery says so: tries for about a day. */
export const MAX_REPORT_FAILURES = 26;

/** Whether its commit is still to be told something. */
export const isOwed = (delivery: Pick<Delivery, 'report' | 'state'>): boolean => owedAtMs(delivery) !== null;

/** From when on its commit is to be told something, ms; null: it is told all. */
export function owedAtMs({ report, state }: Pick<Delivery, 'report' | 'state'>): number | null {
  const wanted = commitStates[state];
  if (report === undefined || report.told === wanted) return null;
  if (report.tried !== wanted) return 0;
  return report.failures < MAX_REPORT_FAILURES ? report.nextAtMs : null;
}

export const isOpen = ({ state }: Pick<Delivery, 'state'>): boolean =>
  state === 'waiting' || state === 'deploying';
