/**
 * Names on this node: makes what the master's table says so for the containers here, and says what is true of it.
 *
 * Promises: nothing here is needed to answer a container (the companion is a process of its own, and is adopted after a restart of
 * the agent); what it says of draining allocations was acknowledged by the companion before; where names can't be served there
 * is a reason. It claims nothing of the host as long as nothing runs on it, and gives back what it claimed.
 */

import type { DiscoveryObserved } from '../shared/discovery-observed.js';
import { messageOf } from '../shared/errors.js';
import { type Loop, startLoop } from '../shared/loop.js';
import { type HostNetwork, hostNetwork } from './host-network.js';
import { hostResolvers } from './host-resolvers.js';
import { type Answer, createKeeper, type Keeper } from './keeper.js';
import { DOMAIN } from './names.js';
import { type Claim, discoveryPaths, openClaim } from './paths.js';
import { chainsOf } from './rules.js';
import { type LocalEndpoints, type ProjectNetwork, type Served, servedBy } from './served.js';
import type { Table } from './table.js';

/** What a container is to ask about names, first things first. */
export interface ContainerDns {
  servers: string[];
  search: string[];
}

export interface Discovery {
  apply(table: Table): void;
  /** What this node knows of its own allocations, newer than the table. */
  setLocal(endpoints: LocalEndpoints): void;
  setNetworks(networks: readonly ProjectNetwork[]): void;
  /** For a new container of a project. Null: names are not served here; undefined: that is not known yet. */
  dnsFor(project: string): ContainerDns | null | undefined;
  /** Null until the first look. */
  observed(): DiscoveryObserved | null;
  /** Stops the watching only: the companion and the rules stay. */
  stop(): Promise<void>;
}

export interface DiscoveryOptions {
  /** The Orca home. */
  home: string;
  nodeId: string;
  /** Called when `observed()` or `dnsFor()` may have changed. */
  onChange: () => void;
  log: (message: string) => void;
  /** Of the host; tests have one that claims nothing. */
  network?: (chain: string) => HostNetwork;
}

const EVERY_MS = 1_000;
const DRAIN_LOOK_MS = 200;
/** Others flush packet rules and change routes. */
const ENFORCE_EVERY_MS = 30_000;
/** A trouble that may pass by itself; a container that is made without names never gets them. */
const PATIENCE_MS = 10_000;

/** Starts it; nothing is claimed before the first `apply`. Throws when the home's path is too long for its socket. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  return new Role(options);
}

class Role implements Discovery {
  readonly #options: DiscoveryOptions;
  readonly #claim: Claim;
  readonly #network: HostNetwork;
  readonly #keeper: Keeper;
  readonly #loop: Loop;
  #table: Table | null = null;
  #local: LocalEndpoints = new Map();
  /** Null until they were looked at: without them everybody would be turned away. */
  #networks: readonly ProjectNetwork[] | null = null;
  #inForce: { rules: string; atMs: number; projects: ReadonlySet<string> } | null = null;
  #claimedAtMs = 0;
  #refusal: { range: string; error: unknown } | null = null;
  /** Projects whose containers wait for names, ms. */
  readonly #unservedSinceMs = new Map<string, number>();
  #observed: { value: DiscoveryObserved; json: string } | null = null;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const paths = discoveryPaths(options.home, options.nodeId);
    this.#claim = openClaim(paths);
    this.#network = (options.network ?? hostNetwork)(paths.chain);
    this.#keeper = createKeeper(paths, () => this.#loop.wake());
    this.#loop = startLoop(() => this.#pass(), {
      everyMs: EVERY_MS,
      onError: (error) => options.log(`names are not as they should be: ${messageOf(error)}`),
    });
  }

  apply(table: Table): void {
    this.#table = table;
    this.#loop.wake();
  }

  setLocal(endpoints: LocalEndpoints): void {
    this.#local = new Map(endpoints);
    this.#loop.wake();
  }

  setNetworks(networks: readonly ProjectNetwork[]): void {
    if (JSON.stringify(networks) === JSON.stringify(this.#networks)) return;
    this.#networks = [...networks];
    this.#loop.wake();
  }

  dnsFor(project: string): ContainerDns | null | undefined {
    const table = this.#table;
    if (table === null || !table.services.some((service) => service.project === project)) return null;
    if (this.#observed?.value.state === 'off') return null;
    if (this.#observed?.value.state !== 'running' || !this.#inForce?.projects.has(project)) {
      const sinceMs = this.#unservedSinceMs.get(project) ?? Date.now();
      this.#unservedSinceMs.set(project, sinceMs);
      return Date.now() - sinceMs > PATIENCE_MS ? null : undefined;
    }
    this.#unservedSinceMs.delete(project);
    const { servers, search } = hostResolvers();
    return { servers: [table.dns, ...servers], search: [`${project}.${DOMAIN}`, ...search] };
  }

  observed(): DiscoveryObserved | null {
    return this.#observed?.value ?? null;
  }

  async stop(): Promise<void> {
    this.#keeper.stop();
    await this.#loop.stop();
  }

  async #pass(): Promise<void> {
    const table = this.#table;
    const networks = this.#networks;
    if (table === null || networks === null) return;
    if (table.services.length === 0) return this.#leave();
    try {
      await this.#claimRange(table.range);
    } catch (error) {
      return this.#say('off', messageOf(error));
    }
    try {
      await this.#serve(table, networks);
    } catch (error) {
      this.#say('down', messageOf(error));
    }
  }

  /** Looks again now and then, also after a refusal: routes come and go. */
  async #claimRange(range: string): Promise<void> {
    const before = this.#claim.range();
    const isOld = Date.now() - this.#claimedAtMs >= ENFORCE_EVERY_MS;
    if (before === range && !isOld && this.#refusal === null) return;
    if (this.#refusal?.range === range && !isOld) throw this.#refusal.error;
    if (before !== null && before !== range) await this.#network.release(before);
    this.#claimedAtMs = Date.now();
    this.#claim.keep(range);
    try {
      await this.#network.claim(range);
      this.#refusal = null;
    } catch (error) {
      this.#refusal = { range, error };
      throw error;
    }
  }

  async #serve(table: Table, networks: readonly ProjectNetwork[]): Promise<void> {
    const answer = await this.#keeper.ensure(table.dns);
    if (answer === null) {
      this.#loop.wakeAt(Math.max(this.#keeper.notBeforeMs(), Date.now() + 100));
      return this.#say('down', this.#keeper.reason() ?? 'what serves names is starting');
    }
    const here = { node: this.#options.nodeId, local: this.#local, networks };
    const served = servedBy(table, here);
    const { open } = await this.#keeper.publish(served);
    await this.#enforce(table.range, served, answer.port);
    this.#say('running', this.#keeper.reason(), drainingOf(table, open), [...projectsOf(served)]);
    if (drainingOf(table, open).some(({ connections }) => connections > 0))
      this.#loop.wakeAt(Date.now() + DRAIN_LOOK_MS);
  }

  async #enforce(range: string, served: Served, port: number): Promise<void> {
    const rules = chainsOf(this.#claim.chain, served, port);
    const nowMs = Date.now();
    if (this.#inForce?.rules === rules && nowMs - this.#inForce.atMs < ENFORCE_EVERY_MS) return;
    await this.#network.enforce(range, rules);
    this.#inForce = { rules, atMs: nowMs, projects: projectsOf(served) };
    this.#options.onChange();
  }

  /** Nothing of ours runs here: what was claimed of the host is given back. */
  async #leave(): Promise<void> {
    const range = this.#claim.range();
    this.#inForce = null;
    this.#observed = null;
    if (range === null) return;
    this.#keeper.end();
    await this.#network.release(range);
    this.#claim.drop();
  }

  #say(
    state: DiscoveryObserved['state'],
    reason: string | null,
    draining: DiscoveryObserved['draining'] = [],
    projects: string[] = [],
  ): void {
    const value: DiscoveryObserved = { state, reason, projects: projects.sort(), draining };
    const json = JSON.stringify(value);
    if (json === this.#observed?.json) return;
    if (reason !== null && reason !== this.#observed?.value.reason)
      this.#options.log(`names are ${state}: ${reason}`);
    this.#observed = { value, json };
    this.#options.onChange();
  }
}

const projectsOf = ({ networks }: Served): Set<string> => new Set(networks.map(({ project }) => project));

/** Those that get no new connection any more, with what is left open to them. */
function drainingOf({ services }: Table, open: Answer['open']): DiscoveryObserved['draining'] {
  return services
    .flatMap(({ allocations }) => allocations)
    .filter(({ draining }) => draining)
    .map(({ id }) => ({ allocation: id, connections: open[id] ?? 0 }));
}
