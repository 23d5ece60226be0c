/** The complete desired set of one node: containers, images to resolve, images to keep, and what its ingress serves. PURE. */
import type { Certificate } from '../../proxy-config/route.js';
import type { Node } from '../../shared/model.js';
import type { Assignment } from '../../shared/protocol.js';
import type { ServiceState } from './snapshot.js';

export interface AssignmentInput {
  cluster: string;
  node: Node;
  /** All services of the cluster, in any order. */
  services: readonly ServiceState[];
  ingress: IngressSettings;
}

/** What ingress nodes need besides routes. A route's domain without a certificate is left out until it has one. */
export interface IngressSettings {
  httpPort: number;
  httpsPort: number;
  caddy: string;
  /** By domain. */
  certificates: ReadonlyMap<string, Certificate>;
  fallbackCertificate: Certificate;
}

/** The assignment of `node`, all but its revision; equal inputs give equal assignments (compare by fingerprint). */
export function assignmentOf(input: AssignmentInput): Omit<Assignment, 'revision'> {
  return { type: 'assignment', cluster: input.cluster, allocations: [], images: [], keep: [], ingress: null };
}
