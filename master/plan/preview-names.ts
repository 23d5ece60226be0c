/** That a preview and a service that somebody deploys never take each other's name. PURE. */
import { OrcaError } from '../../shared/errors.js';
import type { Service } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';

/** Refuses with CONFLICT a spec that would take the place of what has its name and is something else. */
export function refuseOther(current: { service: Service } | null, { preview }: ServiceSpec): void {
  if (current === null) return;
  const { key, spec } = current.service;
  const there = spec.preview;
  if (there?.webhook === preview?.webhook && there?.number === preview?.number) return;
  if (there)
    throw new OrcaError(
      'CONFLICT',
      `${key} is the preview of ${there.of} for ${there.repo}#${there.number}`,
      {
        hint: `Give the service another name, or remove the preview with \`orca rm ${spec.name}\` once its pull request is closed.`,
      },
    );
  throw new OrcaError('CONFLICT', `there is a service ${key} already, which is no preview`, {
    hint: 'Give that service another name: previews are called after their service and the number of their pull request.',
  });
}
