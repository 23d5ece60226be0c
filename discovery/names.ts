/**
 * Decides what a container is told about a name, from who asks and what is served. PURE. Its own project's services only, under
 * `name`, and `name.project.orca`, which is what search domains make of the first too. Everything else outside of
 * `.orca` is refused, on which Docker asks the host's name servers: nothing of ours is in the way of other names.
 */
import { contains, readAddress, readRange } from '../shared/ipv4.js';
import type { Served } from './served.js';

export type NameAnswer =
  | { kind: 'address'; address: string }
  /** The name exists, and has nothing of the type that was asked for. */
  | { kind: 'empty' }
  | { kind: 'unknown' }
  /** Not ours to answer. */
  | { kind: 'refused' };

export const DOMAIN = 'orca';

/** `project`: of the container that asks; null: none of ours. */
export function answerTo(
  { services }: Pick<Served, 'services'>,
  project: string | null,
  question: { name: string; type: string },
): NameAnswer {
  if (project === null) return { kind: 'refused' };
  const labels = question.name.toLowerCase().replace(/\.$/, '').split('.');
  const isOurs = labels.at(-1) === DOMAIN;
  const isFull = isOurs && labels.length === 3 && labels[1] === project;
  const name = isFull || (!isOurs && labels.length === 1) ? labels[0] : undefined;
  const service = name === undefined ? undefined : serviceOf(services, project, name);
  if (service !== undefined)
    return question.type === 'A' || question.type === 'ANY'
      ? { kind: 'address', address: service.address }
      : { kind: 'empty' };
  if (!isOurs) return { kind: 'refused' };
  const isParent = labels.length === 1 || (labels.length === 2 && labels[0] === project);
  return { kind: isParent ? 'empty' : 'unknown' };
}

/** A service's own name before the aliases of others. */
function serviceOf(services: Served['services'], project: string, name: string) {
  const own = services.filter((service) => service.project === project);
  return own.find(({ names }) => names[0] === name) ?? own.find(({ names }) => names.includes(name));
}

/** The project whose network an address is in, or null. */
export function projectAt({ networks }: Pick<Served, 'networks'>, address: string): string | null {
  const at = readAddress(address.replace(/^::ffff:/, ''));
  if (at === null) return null;
  const found = networks.find(({ subnet }) => {
    const range = readRange(subnet);
    return range !== null && contains(range, at);
  });
  return found?.project ?? null;
}
