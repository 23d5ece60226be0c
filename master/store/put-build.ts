/**
 * The records of builds follow their rollouts: one begins with a rollout that builds, is over when that is, and is forgotten with it. So no build
 * stands as "under way" that nobody wants, whatever was killed in between.
 */
import { type Build, buildIdOf, isOver } from '../../shared/build.js';
import type { Rollout } from '../../shared/model.js';
import type { Writing } from './put-delivery.js';
import { buildKey, rolloutKey, type Tables } from './tables.js';

/** Writes the record of what `rollout` builds, as far as the rollout decides it. Nothing for one that builds nothing. */
export function putBuildOf(tables: Tables, { put }: Pick<Writing, 'put'>, rollout: Rollout): void {
  const { kind, spec, service, id } = rollout;
  if (kind === 'rollback' || !spec.build) return;
  const key = buildKey(service, buildIdOf(id));
  const before = tables.builds.get(key) ?? newBuild(rollout, spec.build);
  const name = (node: string): string => tables.nodes.get(node)?.facts.name ?? node;
  put(tables.builds, key, isOver(before) ? before : followed(before, rollout, name));
}

/** Forgets a rollout, and what was built for it. */
export function dropRollout(tables: Tables, { remove }: Pick<Writing, 'remove'>, rollout: Rollout): void {
  remove(tables.rollouts, rolloutKey(rollout.service, rollout.id));
  remove(tables.rolloutServices, rollout.id);
  remove(tables.builds, buildKey(rollout.service, buildIdOf(rollout.id)));
}

function newBuild(rollout: Rollout, { repo, branch }: { repo: string; branch: string }): Build {
  return {
    id: buildIdOf(rollout.id),
    service: rollout.service,
    rollout: rollout.id,
    repo,
    ref: rollout.commit?.ref ?? `refs/heads/${branch}`,
    by: rollout.by,
    node: null,
    queuedAtMs: rollout.startedAtMs,
    state: 'queued',
    reason: rollout.reason,
    commit: rollout.commit?.sha ?? null,
    author: null,
    subject: null,
    tag: null,
    startedAtMs: null,
    endedAtMs: null,
    sizeBytes: null,
    lastLogs: [],
  };
}

function followed(build: Build, rollout: Rollout, nameOf: (node: string) => string): Build {
  if (rollout.endedAtMs !== null) return givenUp(build, rollout, rollout.endedAtMs);
  if (rollout.node === build.node) return build.node === null ? { ...build, reason: rollout.reason } : build;
  const from = build.node === null ? null : `moved here from ${nameOf(build.node)}, which is lost`;
  const anew = { startedAtMs: null, sizeBytes: null, lastLogs: [] };
  return {
    ...build,
    ...anew,
    state: 'queued',
    node: rollout.node,
    reason: from ?? 'waits for its node to begin',
  };
}

/** What its node has not ended itself. */
function givenUp(build: Build, rollout: Rollout, endedAtMs: number): Build {
  const isFailed = rollout.state === 'failed' && rollout.cancelled === undefined;
  const reason = rollout.failure?.reason ?? rollout.reason;
  return { ...build, state: isFailed ? 'failed' : 'cancelled', reason, endedAtMs };
}
