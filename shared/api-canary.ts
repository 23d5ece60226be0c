/** The parts of the HTTP API's bodies that speak of a canary: how far it is, what it was judged by, what users did. */
import * as z from 'zod';

const measuredSchema = z.object({
  requests: z.number(),
  /** Percent of 5xx; null without requests. */
  error_rate: z.number().nullable(),
  p95_ms: z.number().nullable(),
});
export type MeasuredView = z.infer<typeof measuredSchema>;

/** A window of the analysis that was judged, or that goes on because too few requests came. */
export const verdictSchema = z.object({
  step: z.number(),
  weight: z.number(),
  from: z.string(),
  to: z.string(),
  result: z.enum(['passed', 'failed', 'prolonged']),
  reason: z.string(),
  stable: measuredSchema,
  canary: measuredSchema,
});
export type VerdictView = z.infer<typeof verdictSchema>;

export const canaryViewSchema = z.object({
  /** Percentages; `step` is the index of the one it stands at. */
  steps: z.array(z.number()),
  step: z.number(),
  /** Percent wanted now, and whether every ingress splits by it already. */
  weight: z.number(),
  weight_in_force: z.boolean(),
  /** It is becoming stable. */
  promoted: z.boolean(),
  replicas: z.number(),
  /** Nothing moves until a user says `promote` or `rollback`. */
  waits_for_promote: z.boolean(),
  verdicts: z.array(verdictSchema),
});
export type CanaryView = z.infer<typeof canaryViewSchema>;

/** What a user did to a rollout that was under way. */
export const actSchema = z.object({
  verb: z.enum(['promote', 'weight', 'pause', 'resume', 'rollback', 'update', 'cancel']),
  detail: z.string(),
  by: z.string(),
  source: z.string(),
  at: z.string(),
});
export type ActView = z.infer<typeof actSchema>;

/** How a pre_deploy job ended; its last lines are among the logs of group `job`. */
export const jobViewSchema = z.object({
  release: z.string(),
  exit_code: z.number().nullable(),
  /** Why it was stopped; null: it ended by itself. */
  stopped: z.string().nullable(),
  ended_at: z.string(),
});

export const pausedSchema = z.object({ by: z.string(), at: z.string() });

/** What was counted of a group's release on the ingresses, since they began to count it. */
export const trafficFiguresSchema = z.object({
  requests: z.number(),
  error_rate: z.number().nullable(),
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
  status: z.object({
    '1xx': z.number(),
    '2xx': z.number(),
    '3xx': z.number(),
    '4xx': z.number(),
    '5xx': z.number(),
  }),
});
export type TrafficFigures = z.infer<typeof trafficFiguresSchema>;
