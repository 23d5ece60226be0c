/** Webhooks and what came in over them, as the master keeps both (docs/webhooks.md). */
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
  | 'skipped'; // it was not meant to deploy

/** One call, as one webhook received it. */
export interface Delivery {
  /** `d-`, base 36 milliseconds and eight hex digits: ids sort by their time. */
  id: string;
  webhook: string;
  service: ServiceKey;
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
}

export const isOpen = ({ state }: Pick<Delivery, 'state'>): boolean =>
  state === 'waiting' || state === 'deploying';
