/** What the ingress serves: which allocations of which service, under which names. PURE. */
import type { Route } from '../../proxy-config/route.js';
import type { ServiceState } from './snapshot.js';

/** The routes of all services that the ingress serves, in the order of their keys. */
export function routesOf(_services: readonly ServiceState[]): Route[] {
  return [];
}
