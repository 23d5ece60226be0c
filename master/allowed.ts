/** What cluster.toml allows now, as it is asked by whatever makes containers by somebody's word. */
import { permit } from '../shared/permit.js';
import type { ServiceSpec } from '../shared/spec.js';
import { type MasterSettings, ownPorts } from './settings.js';

/** The spec as it is allowed; throws NOT_ALLOWED, with the line to write. `port`: what the API listens on. */
export function createAllowed(now: () => { settings: MasterSettings; port: number }) {
  return (spec: ServiceSpec): ServiceSpec => {
    const { settings, port } = now();
    return permit(spec, settings.security, { home: settings.home, ports: ownPorts(settings, port) });
  };
}
