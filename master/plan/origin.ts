/**
 * What stands in a node's assignment of each allocation for the master alone: enough to build service, release, rollout and
 * allocation again, together with what the assignment says of the container. Agents keep it; `adopt` reads it. Values of
 * environment variables are not in it: those of what runs on a node are in the assignment already, of nothing else.
 */
import * as z from 'zod';
import { moment } from '../../shared/bounds.js';
import type { Allocation, Release, Rollout, Settings } from '../../shared/model.js';
import { standingOf } from '../../shared/model.js';
import { type ServiceSpec, serviceSpecSchema } from '../../shared/spec.js';
import type { ServiceState } from './snapshot.js';

const settingsSchema = z.object({
  spec: serviceSpecSchema.omit({ container: true }),
  replicas: z.number().int(),
});

const actorSchema = z.object({ by: z.string(), atMs: moment });

/** What a rollout needs to go on; its deadlines and windows begin anew. */
const rolloutSchema = z.object({
  id: z.string(),
  kind: z.enum(['deploy', 'redeploy', 'rollback']),
  state: z.enum(['rolling', 'canary', 'promoting', 'rolling_back']),
  release: z.number().int().nullable(),
  from: z.number().int().nullable(),
  takesBack: z.number().int().nullable(),
  by: z.string(),
  source: z.enum(['cli', 'api', 'webhook']),
  startedAtMs: moment,
  paused: actorSchema.nullable(),
  undo: settingsSchema.nullable(),
  canary: z
    .object({
      replicas: z.number().int(),
      steps: z.array(z.number()),
      step: z.number().int(),
      weight: z.number(),
      isManual: z.boolean(),
      promotedAtMs: moment.nullable(),
      stableGoes: z.boolean(),
    })
    .nullable(),
});

const originSchema = z.object({
  settings: settingsSchema,
  desired: z.enum(['running', 'stopped', 'removed']),
  maintenance: z.object({ message: z.string(), by: z.string(), sinceMs: moment }).nullable(),
  createdAtMs: moment,
  stable: z.number().int().nullable(),
  tolerated: z.number().int().nullable(),
  previous: z.number().int().nullable(),
  canaryWeight: z.number(),
  nextRelease: z.number().int(),
  rollout: rolloutSchema.nullable(),
  image: z.object({ ref: z.string(), digest: z.string().nullable() }),
  allocation: z.object({
    desired: z.enum(['running', 'routed', 'draining', 'stopped']),
    createdAtMs: moment,
    drainingSinceMs: moment.nullable(),
  }),
});
export type Origin = z.infer<typeof originSchema>;
export type KeptRollout = z.infer<typeof rolloutSchema>;
export type KeptSettings = z.infer<typeof settingsSchema>;

/** What is the same in the origin of all allocations of a service. */
export type ServiceOrigin = Omit<Origin, 'image' | 'allocation'>;

export function serviceOriginOf({ service, rollout }: ServiceState): ServiceOrigin {
  const { stable, tolerated, previous, canaryWeight, nextRelease } = service.planned;
  return {
    settings: kept(service),
    desired: service.desired,
    maintenance: service.maintenance,
    createdAtMs: service.createdAtMs,
    stable,
    tolerated,
    previous: previous ?? null,
    canaryWeight,
    nextRelease,
    rollout: keptRollout(standingOf(rollout)),
  };
}

/** The origin of an allocation of that release. */
export function originOf(
  { desired, createdAtMs, drainingSinceMs }: Pick<Allocation, 'desired' | 'createdAtMs' | 'drainingSinceMs'>,
  { image: { ref, digest } }: Pick<Release, 'image'>,
  service: ServiceOrigin,
): Origin {
  return { ...service, image: { ref, digest }, allocation: { desired, createdAtMs, drainingSinceMs } };
}

/** Null for what is not an origin, such as one that a later Orca made. */
export function readOrigin(value: unknown): Origin | null {
  const parsed = originSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function kept({ spec: { container: _, ...spec }, replicas }: Settings): KeptSettings {
  return { spec, replicas };
}

/** One that still prepares has touched nothing, and is asked for again. */
function keptRollout(rollout: Rollout | null): KeptRollout | null {
  if (rollout === null) return null;
  const { state, canary, undo, paused } = rollout;
  if (state !== 'rolling' && state !== 'canary' && state !== 'promoting' && state !== 'rolling_back')
    return null;
  const { id, kind, release, from, takesBack, by, source, startedAtMs } = rollout;
  return {
    ...{ id, kind, state, release, from, takesBack, by, source, startedAtMs, paused },
    undo: undo && kept(undo),
    canary: canary && {
      replicas: canary.replicas,
      steps: canary.steps,
      step: canary.step,
      weight: canary.weight,
      isManual: canary.isManual,
      promotedAtMs: canary.promotedAtMs,
      stableGoes: canary.stableGoes,
    },
  };
}

/** With the container that belongs to them. */
export function settingsWith(
  { spec, replicas }: KeptSettings,
  container: ServiceSpec['container'],
): Settings {
  return { spec: { ...spec, container }, replicas };
}
