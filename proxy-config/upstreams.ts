/**
 * Decides which records the resolver serves: routes and what is known of allocations in, SRV and A records out, PURE.
 *
 * Promises: one record per usable allocation outside a canary; with one, the groups' exact shares. A service that is
 * wanted and lost the last usable allocation that its share lets answer is *held* for `HOLD_MS` (a record that always refuses: safe requests wait
 * in Caddy's retry loop); after that, or when it is stopped, in maintenance or never had any, its record is the sorry
 * server's.
 * There is always at least one record: an empty answer would make Caddy fall back to static upstreams.
 */
import type { Endpoint } from '../shared/protocol.js';
import { type Notice, noticesOf } from './notices.js';
import type { Challenge, Route, RoutedAllocation } from './route.js';
import { sharesByName } from './segments.js';
import { splitRecords } from './split.js';

export interface SrvRecord {
  target: string;
  port: number;
  priority: number;
  weight: number;
}

/** All that the resolver serves: SRV records by name, and addresses by host name; all names in lower case, no dot at the end. */
export interface RecordTable {
  srv: Record<string, SrvRecord[]>;
  hosts: Record<string, string>;
  /** What the sorry server says for services in maintenance. */
  notices: Notice[];
  /** What it says to a CA that asks on port 80; absent: to none. */
  challenges?: Challenge[];
}

/** By service: absent, it never had a usable allocation; null, it has one now; a number, it has had none since then (ms). */
export type UpstreamMemory = ReadonlyMap<string, number | null>;

export interface UpstreamInput {
  routes: Route[];
  challenges?: readonly Challenge[];
  /** What this node itself knows of its own allocations, which is newer than what the routes say; null: not ready now. */
  local: ReadonlyMap<string, Endpoint | null>;
  thisNode: string;
  memory: UpstreamMemory;
  sorryPort: number;
  nowMs: number;
}

export interface Upstreams {
  table: RecordTable;
  /** Endpoint of every allocation that has a record, by allocation id. */
  published: Map<string, Endpoint>;
  /** Usable allocations without a record, because their group gets no share now (a weight of 0 or 100). */
  idle: Set<string>;
  memory: UpstreamMemory;
  /** When a hold ends, ms since the epoch: the answer changes then by itself. */
  wakeAtMs: number | null;
}

export const HOLD_MS = 5_000;
/** tcpmux's reserved port: nothing listens there, a connection is refused at once. */
export const REFUSING_PORT = 1;

/** Computes the complete record table. The order of routes and allocations does not matter. */
export function upstreams(input: UpstreamInput): Upstreams {
  const { routes, challenges = [] } = input;
  const table: RecordTable = { srv: {}, hosts: {}, notices: noticesOf(routes), challenges: [...challenges] };
  const published = new Map<string, Endpoint>();
  const idle = new Set<string>();
  const memory = new Map<string, number | null>();
  let wakeAtMs: number | null = null;
  for (const route of input.routes) {
    const groups = usableOf(route, input);
    const isUsable = chosenAt(groups, route.canaryWeight, route.canaryWeight).length > 0;
    const since = remember(route, isUsable, input, memory);
    const holdEndsMs =
      route.wanted && route.maintenance === null && typeof since === 'number' ? since + HOLD_MS : 0;
    if (holdEndsMs > input.nowMs) wakeAtMs = Math.min(wakeAtMs ?? holdEndsMs, holdEndsMs);
    const port = holdEndsMs > input.nowMs ? REFUSING_PORT : input.sorryPort;
    const nothing = { endpoint: { address: '127.0.0.1', port }, count: 1 };
    for (const [name, share] of sharesByName(route)) {
      const chosen = route.maintenance === null ? chosenAt(groups, share, route.canaryWeight) : [];
      for (const { allocation, endpoint } of chosen) published.set(allocation.id, endpoint);
      const records = chosen.length > 0 ? chosen : [nothing];
      table.srv[name.toLowerCase()] = records.flatMap((r) => recordsOf(r.endpoint, r.count));
      for (const { endpoint } of records) table.hosts[hostName(endpoint.address)] = endpoint.address;
    }
    for (const { allocation } of [...groups.stable, ...groups.canary])
      if (!published.has(allocation.id)) idle.add(allocation.id);
  }
  return { table, published, idle, memory, wakeAtMs };
}

/** The name that stands for an address in SRV records: Caddy dials a name, and asks for its A or AAAA record. */
export function hostName(address: string): string {
  return `ip-${address.replace(/[^0-9a-zA-Z]/g, '-').toLowerCase()}.orca`;
}

/** How Caddy's admin API names the upstream of an endpoint when it came from an SRV record. */
export function upstreamKey(endpoint: Endpoint): string {
  return `${hostName(endpoint.address)}:${endpoint.port}`;
}

/** How a static upstream of an endpoint is written, and named by Caddy. */
export function dialOf({ address, port }: Endpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Where an allocation is to be reached now: this node's own knowledge first, else what the route says. */
export function endpointOf(
  allocation: RoutedAllocation,
  input: Pick<UpstreamInput, 'local' | 'thisNode'>,
): Endpoint | null {
  const own = allocation.node === input.thisNode ? input.local.get(allocation.id) : undefined;
  return own === undefined ? allocation.endpoint : own;
}

interface Usable {
  allocation: RoutedAllocation;
  endpoint: Endpoint;
}

/** The allocations that could answer now, by group. */
function usableOf(route: Route, input: UpstreamInput): { stable: Usable[]; canary: Usable[] } {
  const usable = route.allocations
    .filter((allocation) => route.wanted && allocation.desired === 'routed')
    .flatMap((allocation) => {
      const endpoint = endpointOf(allocation, input);
      return endpoint === null ? [] : [{ allocation, endpoint }];
    })
    .sort((a, b) => (a.allocation.id < b.allocation.id ? -1 : 1));
  const of = (group: string): Usable[] => usable.filter(({ allocation }) => allocation.group === group);
  return { stable: of('stable'), canary: of('canary') };
}

/** Who answers under a name whose canary share is `share`, with the number of records of each. A group without any leaves
 *  all to the other; but at a weight of 0 nobody gets to the canary who did not ask for it. */
function chosenAt(
  { stable, canary }: { stable: Usable[]; canary: Usable[] },
  share: number,
  weight: number,
): (Usable & { count: number })[] {
  const isLent = share === 0 && weight > 0 && stable.length === 0;
  const counts = splitRecords(stable.length, canary.length, isLent ? 100 : share);
  return [
    ...stable.map((entry, i) => ({ ...entry, count: counts.stable[i] ?? 0 })),
    ...canary.map((entry, i) => ({ ...entry, count: counts.canary[i] ?? 0 })),
  ].filter(({ count }) => count > 0);
}

function remember(
  route: Route,
  usable: boolean,
  input: UpstreamInput,
  memory: Map<string, number | null>,
): number | null | undefined {
  const before = input.memory.get(route.service);
  if (!usable && before === undefined) return undefined;
  const since = usable ? null : (before ?? input.nowMs);
  memory.set(route.service, since);
  return since;
}

/** Repeated records differ in priority, since equal ones would be one to a resolver. */
function recordsOf(endpoint: Endpoint, count: number): SrvRecord[] {
  const target = hostName(endpoint.address);
  return Array.from({ length: count }, (_, i) => ({ target, port: endpoint.port, priority: i, weight: 0 }));
}
