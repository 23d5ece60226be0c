/** The service that a URL names: `project/name`, or the name alone where it is the only one that its caller sees, or with `?project=`. */
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { beyond, type Holder, projectOf, seesProject } from './access.js';

/** Its key. Throws SERVICE_NOT_FOUND, SERVICE_AMBIGUOUS, or NOT_ALLOWED for what is not of the caller's projects. */
export function findService(
  store: Pick<Store, 'serviceKeys'>,
  name: string,
  project: string | null,
  holder: Holder,
): string {
  const keys = store.serviceKeys().filter((key) => seesProject(holder, projectOf(key)));
  const exact = project === null ? name : `${project}/${name}`;
  if (keys.includes(exact)) return exact;
  const found = project === null ? keys.filter((key) => key.slice(key.indexOf('/') + 1) === name) : [];
  if (found.length > 1)
    throw new OrcaError(
      'SERVICE_AMBIGUOUS',
      `"${name}" is a service of ${found.length} projects: ${found.join(', ')}`,
    );
  if (found[0] !== undefined) return found[0];
  // In the same words whether it is there or not.
  if (holder.projects !== null && !(exact.includes('/') && seesProject(holder, projectOf(exact))))
    throw beyond(holder, `it sees no service "${exact}"`);
  throw new OrcaError('SERVICE_NOT_FOUND', `there is no service "${exact}"`);
}
