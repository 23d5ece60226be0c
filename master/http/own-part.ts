/** Of what is shown of the whole cluster, the part that a token limited to projects may see. PURE. */
import type { NodeStatus, StatusReply } from '../../shared/api.js';
import type { CertificateView } from '../../shared/api-certificates.js';
import { type Holder, projectOf, seesProject } from './access.js';
import type { SecretFacts } from './ports.js';

type Sees = Pick<Holder, 'projects'>;

/** Null: it is of no service. */
export const seesService = (holder: Sees, key: string | null): boolean =>
  seesProject(holder, key === null ? null : projectOf(key));

export function statusFor(holder: Sees, status: StatusReply): StatusReply {
  if (holder.projects === null) return status;
  return {
    ...status,
    services: status.services.filter(({ project }) => seesProject(holder, project)),
    nodes: status.nodes.map((node) => nodeFor(holder, node)),
    certificates: certificatesFor(holder, status.certificates),
  };
}

/** Those of names under which a service of theirs is served. */
export function certificatesFor(holder: Sees, certificates: readonly CertificateView[]): CertificateView[] {
  if (holder.projects === null) return [...certificates];
  return certificates
    .filter(({ services }) => services.some((key) => seesService(holder, key)))
    .map((one) => ({ ...one, services: one.services.filter((key) => seesService(holder, key)) }));
}

/** Nodes are everybody's; what is moved away from one in a drain is not. */
export function nodeFor(holder: Sees, node: NodeStatus): NodeStatus {
  if (holder.projects === null || node.drain_status === null) return node;
  const { drain_status } = node;
  const { moving } = drain_status;
  return {
    ...node,
    // Its words name what leaves.
    reason: drain_status.done_at === null ? 'it is being drained' : 'it is drained',
    drain_status: {
      ...drain_status,
      moving: seesService(holder, moving) ? moving : null,
      blocked: drain_status.blocked.filter((one) => seesService(holder, one.service)),
    },
  };
}

/** Names of secrets of all projects are seen, since services refer to them; null: it is another project's. */
export function secretFor(holder: Sees, secret: SecretFacts): SecretFacts | null {
  if (holder.projects === null) return secret;
  if (secret.project !== null && !seesProject(holder, secret.project)) return null;
  return { ...secret, uses: secret.uses.filter(({ service }) => seesService(holder, service)) };
}
