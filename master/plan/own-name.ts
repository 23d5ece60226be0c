/** The name of the API itself. PURE. */
import type { Service } from '../../shared/model.js';

/** Why the cluster can't have that name for its API; null: it can. */
export function ownNameProblem(domain: string | null, services: readonly Service[]): string | null {
  const holder = services.find(({ spec }) => domain !== null && spec.domains.includes(domain));
  return holder === undefined
    ? null
    : `cluster.domain: ${domain} is a domain of the service ${holder.key}, so that the API can't be served there; give one of them another name`;
}
