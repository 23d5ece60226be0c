/** The pre_deploy job of a rollout: one allocation of group `job`, placed once, never routed, never replaced. */
import type { Release, Rollout } from '../../shared/model.js';
import type { ContainerSpec, ServiceSpec } from '../../shared/spec.js';
import { newAllocation } from './create.js';
import { type Own, place } from './place.js';
import { retireAction } from './retire.js';
import type { Seen } from './seen.js';
import type { Action, ServiceSnapshot } from './snapshot.js';

export interface Jobs {
  actions: Action[];
  waits: string[];
  made: number;
}

/** What becomes of the jobs: the one that the open rollout wants is made, any other goes, and what took too long. */
export function planJobs(
  snapshot: ServiceSnapshot,
  jobs: readonly Seen[],
  others: readonly Own[],
  nowMs: number,
): Jobs {
  const { rollout, releases } = snapshot;
  const isWanted = rollout?.state === 'pre_deploy' && rollout.failure === null;
  const release = isWanted ? releases.find((r) => r.number === rollout.release) : undefined;
  const isOurs = ({ allocation }: Seen): boolean => allocation.release === release?.number;
  const live = jobs.filter((s) => s.isLive);
  const going = live.filter((s) => !isOurs(s)).map((s) => retireAction(s, nowMs));
  if (!rollout || !release || live.some(isOurs)) return { actions: going, waits: [], made: 0 };
  const made = make(snapshot, rollout, release, others, nowMs);
  return { ...made, actions: [...going, ...made.actions] };
}

/** The service's own container with another command: same image, env, mounts and network; no ports, no probes,
 *  and no named volume, whose one writer is the release that runs. */
export function jobContainer({ container, deploy }: ServiceSpec): ContainerSpec {
  return {
    ...container,
    entrypoint: deploy.preDeploy?.command ?? [],
    command: [],
    port: null,
    extraPorts: [],
    volumes: [],
    aliases: [],
    readiness: {
      kind: 'stays-up',
      forMs: 0,
      intervalMs: 1_000,
      timeoutMs: 1_000,
      failureThreshold: 1,
      initialDelayMs: 0,
    },
    liveness: null,
  };
}

const KEPT_LINE_LENGTH = 1_000;

/** The rollout with what is kept of its job; as it was when nothing is known of one. */
export function withJob(rollout: Rollout, job: Seen | null, nowMs: number): Rollout {
  const observed = job?.allocation.observed ?? null;
  if (job === null || observed === null) return rollout;
  const { id: allocation, release } = job.allocation;
  const lines = observed.lastLogs.slice(-50).map((line) => line.slice(0, KEPT_LINE_LENGTH));
  return { ...rollout, job: { allocation, release, exitCode: observed.exitCode, lines, endedAtMs: nowMs } };
}

function make(
  snapshot: ServiceSnapshot,
  rollout: Rollout,
  release: Release,
  others: readonly Own[],
  nowMs: number,
): Jobs {
  const { service, nodes } = snapshot;
  const need = { placement: rollout.spec.placement, container: jobContainer(release.spec) };
  const { node, refusal } = place(need, nodes, others);
  if (node === null)
    return { actions: [], waits: [`its pre_deploy job can't be placed: ${refusal}`], made: 0 };
  const allocation = newAllocation(snapshot, { release, group: 'job', slot: 0, node, offset: 0 }, nowMs);
  const message = `${allocation.id} (pre_deploy of v${release.number}) placed on ${node.facts.name}`;
  const event = { kind: 'placed', service: service.key, node: node.id, rollout: rollout.id, message };
  return {
    actions: [
      { kind: 'create-allocation', allocation },
      { kind: 'event', event },
    ],
    waits: [],
    made: 1,
  };
}
