/** A build as the API shows it. PURE. */
import type { BuildView } from '../../shared/api-builds.js';
import { type Build, isOver } from '../../shared/build.js';
import { iso } from './rollout-view.js';

export function buildView(build: Build, nodeName: (id: string) => string, nowMs: number): BuildView {
  const at = build.service.indexOf('/');
  const { startedAtMs, endedAtMs } = build;
  return {
    id: build.id,
    service: build.service.slice(at + 1),
    project: build.service.slice(0, at),
    rollout: build.rollout,
    state: build.state,
    reason: build.reason,
    repo: build.repo,
    ref: build.ref,
    commit: build.commit,
    author: build.author,
    subject: build.subject,
    image: build.tag,
    node: build.node === null ? null : nodeName(build.node),
    by: build.by,
    queued_at: iso(build.queuedAtMs),
    started_at: startedAtMs === null ? null : iso(startedAtMs),
    ended_at: endedAtMs === null ? null : iso(endedAtMs),
    duration_ms:
      startedAtMs === null
        ? null
        : Math.max(0, (endedAtMs ?? (isOver(build) ? startedAtMs : nowMs)) - startedAtMs),
    size_bytes: build.sizeBytes,
    builder: build.builder ?? null,
    last_logs: build.lastLogs,
  };
}
