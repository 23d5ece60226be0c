/** The status of a service in its colour. */
import type { ServiceStatus } from '../shared/api.js';
import type { Colors } from './output.js';

export function statusText(status: ServiceStatus['status'], colors: Colors): string {
  if (status === 'running') return colors.green(status);
  if (status === 'failed') return colors.red(status);
  return status === 'stopped' ? colors.dim(status) : colors.yellow(status);
}
