/**
 * The tables of names that nodes get with their assignments: gives each service its address once, and keeps what was made of each
 * service, so that a change costs the nodes of one project and those only when it shows in what they get.
 */
import type { NamedService, Table } from '../../discovery/table.js';
import { fingerprint } from '../../shared/fingerprint.js';
import { contains, type Range, readAddress, readRange } from '../../shared/ipv4.js';
import { DNS_KEY, freeAddress, namedServiceOf } from '../plan/discovery.js';
import type { ServiceState } from '../plan/snapshot.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

export interface Discovery {
  /** Gives addresses to what has none in the range; answers the nodes whose tables change by that. */
  ensure(): string[];
  /** The names of the projects that have allocations on the node. */
  tableFor(node: string): { table: Table; mark: string };
  /** Looks at a service again; the nodes whose tables change by that. */
  concerned(service: string): string[];
}

interface Entry {
  project: string;
  named: NamedService | null;
  mark: string;
}

export function createDiscovery(options: {
  store: Store;
  states: States;
  cluster: string;
  /** All addresses there are, as `10.213.0.0/16`. */
  range: () => string;
}): Discovery {
  const { store, states } = options;
  const addresses = new Map(store.addresses());
  const entries = new Map<string, Entry>();
  const projects = new Map<string, { services: NamedService[]; mark: string }>();
  /** Service → the range in which no address was left for it. */
  const refused = new Map<string, string>();

  const entryOf = ({ service, ...state }: ServiceState): Entry => {
    const address = addresses.get(service.key);
    const named = address === undefined ? null : namedServiceOf({ service, ...state }, address, states.node);
    return { project: service.project, named, mark: fingerprint(named) };
  };
  const known = (state: ServiceState): Entry => {
    const { key } = state.service;
    const entry = entries.get(key) ?? entryOf(state);
    entries.set(key, entry);
    return entry;
  };
  const projectOf = (project: string): { services: NamedService[]; mark: string } => {
    const before = projects.get(project);
    if (before) return before;
    const own = states.all().filter((state) => state.service.project === project);
    const made = own.map(known).filter((entry) => entry.named !== null);
    const services = made.flatMap(({ named }) => named ?? []);
    const answer = { services, mark: fingerprint(made.map(({ mark }) => mark)) };
    projects.set(project, answer);
    return answer;
  };
  const projectsOn = (node: string): string[] =>
    [...new Set(states.on(node).map(({ service }) => service.project))].sort();
  const nodesOf = (some: ReadonlySet<string>): string[] =>
    states.nodes().flatMap(({ id }) => (projectsOn(id).some((project) => some.has(project)) ? [id] : []));

  /** Looks at a service again; its project when that changes what nodes get. */
  const again = (key: string): string | null => {
    const before = entries.get(key);
    const state = states.get(key);
    const after = state && entryOf(state);
    if (before?.mark === after?.mark) return null;
    if (after) entries.set(key, after);
    else entries.delete(key);
    const project = after?.project ?? before?.project ?? null;
    if (project !== null) projects.delete(project);
    return project;
  };

  /** What gets none is said once. */
  const give = (keys: string[], range: Range): void => {
    const taken = new Set(addresses.values());
    const given: [key: string, address: string][] = [];
    const left: string[] = [];
    for (const key of keys) {
      const address = freeAddress(options.cluster, key, range, (one) => taken.has(one));
      if (address === null) left.push(key);
      else given.push([key, address]);
      taken.add(address ?? '');
    }
    store.write((tx) => {
      for (const [key, address] of given) tx.putAddress(key, address);
      for (const key of left) tx.addEvent(noAddress(key, options.range()));
    });
    for (const [key, address] of given) addresses.set(key, address);
    for (const key of left) refused.set(key, options.range());
  };

  const ensure = (): string[] => {
    const keys = new Set([DNS_KEY, ...states.all().map(({ service }) => service.key)]);
    for (const key of addresses.keys()) if (!keys.has(key)) addresses.delete(key);
    const range = readRange(options.range());
    if (range === null) return [];
    const missing = [...keys].filter((key) => {
      const address = readAddress(addresses.get(key) ?? '');
      const isMissing = address === null || !contains(range, address);
      return isMissing && refused.get(key) !== options.range();
    });
    if (missing.length === 0) return [];
    give(missing, range);
    const changed = new Set(missing.flatMap((key) => again(key) ?? []));
    return missing.includes(DNS_KEY) ? states.nodes().map(({ id }) => id) : nodesOf(changed);
  };

  return {
    ensure,
    concerned(key) {
      const project = again(key);
      return project === null ? [] : nodesOf(new Set([project]));
    },
    tableFor(node) {
      // A store of an older version, whose first node says hello before the first pass.
      if (!addresses.has(DNS_KEY)) ensure();
      const parts = projectsOn(node).map(projectOf);
      const range = options.range();
      const dns = addresses.get(DNS_KEY) ?? '';
      const table = { range, dns, services: parts.flatMap(({ services }) => services) };
      return { table, mark: fingerprint([range, dns, ...parts.map(({ mark }) => mark)]) };
    },
  };
}

function noAddress(service: string, range: string) {
  const message = `no address is left in ${range} for ${service}, which has no name: set a wider [cluster] service_range`;
  return {
    atMs: Date.now(),
    kind: 'service.no-address',
    service,
    node: null,
    rollout: null,
    message,
  };
}
