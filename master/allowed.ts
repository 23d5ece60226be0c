/** What cluster.toml allows now, as it is asked by whatever makes containers by somebody's word. */
import { permit, type SecurityRules } from '../shared/permit.js';
import type { ServiceSpec } from '../shared/spec.js';

/** The spec as it is allowed; throws NOT_ALLOWED, with the line to write. */
export function createAllowed(
  now: () => { security: SecurityRules; home: string; ownPorts: readonly number[] },
) {
  return (spec: ServiceSpec): ServiceSpec => {
    const { security, home, ownPorts } = now();
    return permit(spec, security, { home, ports: ownPorts });
  };
}
