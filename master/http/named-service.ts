/** Paths of one service: which it is for its caller, and so whose project they touch. Both are asked in the same way, so that neither can mean another service. */
import type { Store } from '../store/store.js';
import { projectOf } from './access.js';
import { findService } from './find-service.js';
import type { Call } from './route.js';

export type ServiceCall = Pick<
  Call<unknown, { project?: string | undefined }>,
  'params' | 'query' | 'holder'
>;

/** Of `/services/:name`, with `?project=` where two have one of that name. */
export function namedService(store: Pick<Store, 'serviceKeys'>) {
  const keyOf = (call: ServiceCall): string =>
    findService(store, call.params.name ?? '', call.query.project ?? null, call.holder);
  const of = (call: ServiceCall): string[] => [projectOf(keyOf(call))];
  return {
    /** Throws as `findService`. */
    keyOf,
    reads: { what: 'projects', does: 'read', of },
    changes: { what: 'projects', does: 'change', of },
  } as const;
}
