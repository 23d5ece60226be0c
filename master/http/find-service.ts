/** The service that a URL names: `project/name`, or the name alone where it is the only one, or with `?project=`. */
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';

/** Its key. Throws SERVICE_NOT_FOUND or SERVICE_AMBIGUOUS. */
export function findService(store: Store, name: string, project: string | null = null): string {
  const keys = store.serviceKeys();
  const exact = project === null ? name : `${project}/${name}`;
  if (keys.includes(exact)) return exact;
  const found = project === null ? keys.filter((key) => key.slice(key.indexOf('/') + 1) === name) : [];
  if (found.length > 1)
    throw new OrcaError(
      'SERVICE_AMBIGUOUS',
      `"${name}" is a service of ${found.length} projects: ${found.join(', ')}`,
    );
  if (found[0] === undefined) throw new OrcaError('SERVICE_NOT_FOUND', `there is no service "${exact}"`);
  return found[0];
}
