/**
 * Builds from source, as both programs speak of them and as the master keeps them (docs/builds.md): what a node is to build, what it says of
 * it, and the record of it. A build is of one rollout, and is called after it.
 */
import * as z from 'zod';
import { amount, line, listOf, moment, name, reason, span } from './bounds.js';
import type { ServiceKey } from './spec.js';

/** What a node builds: complete, but for the values of secrets, which it gets by their ids. */
export const buildOrderSchema = z.object({
  /** `b-…`, after its rollout. */
  id: z.string(),
  project: z.string(),
  service: z.string(),
  repo: z.string(),
  /** What holds the commit: `refs/heads/main`. */
  ref: z.string(),
  /** Hex; null: what `ref` is at when the build begins. */
  commit: z.string().nullable(),
  dockerfile: z.string(),
  context: z.string(),
  target: z.string().nullable(),
  platform: z.string().nullable(),
  args: z.record(z.string(), z.string()),
  /** The ids of values in the assignment's `secrets`; null: there is none. */
  deployKey: z.string().nullable(),
  token: z.string().nullable(),
  insecureHttp: z.boolean(),
  /** By the id that the Dockerfile mounts it with, the id of its value; absent: none. */
  secrets: z.record(z.string(), z.string()).optional(),
  /** What is built is no part of the project yet. Absent: it is. */
  isPreview: z.literal(true).optional(),
  timeoutMs: span,
  /** Of one build step; null: the node's half. */
  memoryBytes: amount.nullable(),
  cpus: amount.nullable(),
});
export type BuildOrder = z.infer<typeof buildOrderSchema>;

export const buildStateSchema = z.enum(['queued', 'cloning', 'building', 'done', 'failed', 'cancelled']);
export type BuildState = z.infer<typeof buildStateSchema>;

/** Which of Docker's builders. */
export const builderKindSchema = z.enum(['classic', 'buildkit']);
export type BuilderKind = z.infer<typeof builderKindSchema>;

/** What a node says of a build. */
export const buildObservedSchema = z.object({
  state: buildStateSchema,
  /** What it does or waits for, why it failed, or what came of it. */
  reason: reason.nullable(),
  /** Null until it is known which it is. */
  commit: name.nullable(),
  author: reason.nullable(),
  subject: reason.nullable(),
  /** The name that the image gets; null until the commit is known. */
  tag: name.nullable(),
  /** When it left the queue, and when it ended, ms on the node's clock. */
  startedAtMs: moment.nullable(),
  endedAtMs: moment.nullable(),
  sizeBytes: amount.nullable(),
  /** With what it is built; absent until it is, and of agents that know the classic one only. */
  builder: builderKindSchema.optional(),
  /** The last lines of its log, once it has failed. */
  lastLogs: listOf(line, 1_000),
});
export type BuildObserved = z.infer<typeof buildObservedSchema>;

/** Which commit a rollout brings; `sha` null: what the ref is at when it is built. */
export interface WantedCommit {
  sha: string | null;
  ref: string;
}

/** A build as the master keeps it. The rollout writes where it is made and that it was given up, the node all else. */
export interface Build extends BuildObserved {
  id: string;
  service: ServiceKey;
  rollout: string;
  repo: string;
  ref: string;
  by: string;
  /** Null: nobody builds it yet. */
  node: string | null;
  queuedAtMs: number;
}

export const isOver = ({ state }: Pick<Build, 'state'>): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled';

/** `r-…` ↔ `b-…`: the build of a rollout has its number. */
export const buildIdOf = (rollout: string): string => `b-${rollout.slice(2)}`;
export const rolloutOfBuild = (build: string): string => `r-${build.slice(2)}`;

/** By which the log of a build is asked for, in the place of an allocation's. */
export const buildLogName = (id: string): string => `build:${id}`;
export const buildOfLog = (name: string): string | null => (name.startsWith('build:') ? name.slice(6) : null);

/** Label of nodes: `false` keeps builds away; where a node has `true`, only such nodes build. */
export const BUILD_LABEL = 'orca.build';
