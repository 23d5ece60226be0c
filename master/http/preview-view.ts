/** What `orca status` says of a service that is a preview. PURE. */
import type { ServiceStatus } from '../../shared/api.js';
import type { Rollout, Service } from '../../shared/model.js';
import { expiresAtMs } from '../../shared/preview.js';
import { iso } from './rollout-view.js';

/** Null: it is none. `rollout`: its newest. */
export function previewView({ spec }: Service, rollout: Rollout | null): ServiceStatus['preview'] {
  const { preview } = spec;
  if (!preview) return null;
  const pushedAtMs = rollout?.source === 'webhook' ? rollout.startedAtMs : 0;
  return {
    ...{ of: preview.of.slice(preview.of.indexOf('/') + 1), repo: preview.repo, number: preview.number },
    ...{ commit: preview.commit.sha, webhook: preview.webhook },
    expires_at: iso(expiresAtMs(preview, pushedAtMs)),
  };
}
