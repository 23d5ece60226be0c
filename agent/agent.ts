/**
 * An agent put together: memory → converger → link and ingress. What the master says goes to the converger and the
 * ingress at once, and to disk behind it; what they observe goes to the master, and to disk for the next start.
 */

import type { Cleanup } from '../shared/cleanup.js';
import type { DiscoveryObserved } from '../shared/discovery-observed.js';
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import type {
  AgentMessage,
  AllocationObserved,
  Assignment,
  Endpoint,
  IngressObserved,
  NodeFacts,
  Status,
} from '../shared/protocol.js';
import type { Builder } from './build/builder.js';
import type { AgentCarrier } from './carry/lazy.js';
import { cleanUp } from './cleanup.js';
import { type Converger, startConverge } from './converge.js';
import type { ContainerDns, Engine, ObservedNetwork } from './engine.js';
import { type CountedFigures, type Link, startLink, type Work } from './link.js';
import { createLogs } from './logs.js';
import type { Memory } from './memory.js';
import type { MountLock } from './mount-sources.js';
import { createRecall } from './recall.js';
import { startRenewal } from './renew.js';
import type { SecretFiles } from './secret-files.js';
import type { AgentSettings } from './settings.js';
import type { Upgrades } from './upgrade.js';

/** The ingress role as the agent uses it; the real one is proxy-config's, handed in by main. */
export interface IngressPart<I> {
  /** Throws when it is not what an ingress takes. */
  decode(ingress: unknown): I;
  apply(ingress: I | null, revision: number): void;
  setLocal(endpoints: ReadonlyMap<string, Endpoint | null>): void;
  observed(): IngressObserved | null;
  figures(): CountedFigures | null;
  stop(): Promise<void>;
}

/** Names as the agent uses them; the real one is discovery's, handed in by main. */
export interface DiscoveryPart<D> {
  /** Throws when it is no table of names. */
  decode(discovery: unknown): D;
  apply(table: D): void;
  setLocal(endpoints: ReadonlyMap<string, Endpoint | null>): void;
  setNetworks(networks: { project: string; subnet: string }[]): void;
  dnsFor(project: string): ContainerDns | null | undefined;
  observed(): DiscoveryObserved | null;
  stop(): Promise<void>;
}

export interface AgentOptions<I, D> {
  settings: AgentSettings;
  credentials: { ca: string; cert: string; key: string };
  engine: Engine;
  memory: Memory;
  facts: () => NodeFacts;
  createIngress: (onChange: () => void) => IngressPart<I>;
  /** Something of an ingress runs on this host: of an agent before this one. */
  hasIngress: () => boolean;
  /** Absent: names are left to Docker. */
  createDiscovery?: (onChange: () => void) => DiscoveryPart<D>;
  secretFiles?: SecretFiles;
  mountLock?: MountLock;
  /** Loads what carries images that no registry has; absent: this agent carries none. */
  carrier?: AgentCarrier;
  /** Absent: nothing is built here. */
  builder?: Builder;
  /** Null: it can't replace itself. */
  upgrades?: Upgrades | null;
  log: Log;
  timing?: { livenessMs: number; retryMs: number };
  lookEveryMs?: number;
}

/** Nothing is told for so long while an ingress that was there before is looked at: it serves on, and has not lost its routes. */
const ADOPTION_MS = 2_000;

export interface Agent {
  status(): Omit<Status, 'type' | 'number'> | null;
  stop(): Promise<void>;
}

export async function startAgent<I, D>(options: AgentOptions<I, D>): Promise<Agent> {
  const { memory, log, settings, engine } = options;
  const [remembered, observed, ownTags] = await Promise.all([
    memory.assignment(),
    memory.observed(),
    memory.tags(),
  ]);
  const state: { link: Link | null; ingress: IngressPart<I> | null } = { link: null, ingress: null };
  const keep = onceChanged(digest(observed), digest, memory.keepObserved);
  const keepTags = onceChanged(ownTags.join(), (tags: string[]) => tags.join(), memory.keepTags);

  const ingress = (): IngressPart<I> => {
    state.ingress ??= options.createIngress(() => state.link?.changed());
    return state.ingress;
  };
  /** Made with the first table: an older master sends none. */
  let discovery: DiscoveryPart<D> | null = null;
  const converger = startConverge({
    engine,
    publishAddress: settings.advertise,
    dnsFor: (project) => (discovery === null ? null : discovery.dnsFor(project)),
    remembered: observed,
    ownTags,
    onChange: () => changed(),
    ...(options.secretFiles ? { secretFiles: options.secretFiles } : {}),
    ...(options.mountLock ? { mountLock: options.mountLock } : {}),
    ...(options.carrier ? { carrier: options.carrier.get } : {}),
    builder: options.builder ?? null,
    log,
    ...(options.lookEveryMs === undefined ? {} : { lookEveryMs: options.lookEveryMs }),
  });
  let isAdopting = remembered !== null && remembered.ingress !== null;
  const adopted = setTimeout(() => {
    isAdopting = false;
    state.link?.changed();
  }, ADOPTION_MS);
  const status = (): Omit<Status, 'type' | 'number'> | null => {
    isAdopting &&= state.ingress?.observed() == null;
    return isAdopting ? null : statusOf(converger, state.ingress, discovery, memory.problem(), options);
  };
  const changed = (): void => {
    const seen = converger.observe();
    if (seen) {
      state.ingress?.setLocal(localEndpoints(seen.allocations));
      discovery?.setLocal(localEndpoints(seen.allocations));
      const networks = converger.networks();
      if (networks) discovery?.setNetworks(projectNetworks(networks));
      keep(seen.allocations);
      keepTags([...converger.facts().ownTags].sort());
    }
    state.link?.changed();
  };
  /** Decodes first: an assignment is taken whole or not at all. */
  const take = (assignment: Assignment): void => {
    const isServed = assignment.ingress !== null || state.ingress !== null || options.hasIngress();
    const wanted = assignment.ingress === null ? null : ingress().decode(assignment.ingress);
    discovery ??= assignment.discovery ? (options.createDiscovery?.(converger.wake) ?? null) : null;
    const table = assignment.discovery && discovery?.decode(assignment.discovery);
    if (table) discovery?.apply(table);
    converger.assign(assignment);
    options.carrier?.setRegistries(assignment.registries ?? {});
    if (assignment.carry) options.carrier?.apply(assignment.carry);
    if (isServed) ingress().apply(wanted, assignment.revision);
  };
  memory.watch(() => state.link?.changed());
  options.upgrades?.watch(() => state.link?.changed());
  options.carrier?.watch(() => state.link?.changed());
  const logs = createLogs(engine, converger.facts, options.builder);
  const recall = createRecall({
    engine,
    assignment: converger.assignment,
    observed: () => converger.observe()?.allocations ?? null,
    log,
  });
  const revision = (): number => converger.assignment()?.revision ?? 0;

  const onAssignment = (assignment: Assignment, reply: (m: AgentMessage) => Promise<void>): void => {
    const refusal = refuse(assignment, converger.assignment());
    const accepted = refusal ?? attempt(() => take(assignment));
    const receipt = { revision: assignment.revision, accepted: accepted === null, reason: accepted };
    reply({ type: 'receipt', ...receipt }).catch(() => undefined);
    if (accepted === null) memory.keepAssignment({ ...assignment, secrets: converger.facts().secrets });
    log.info(receipt, 'assignment');
  };
  const onCleanup = async (message: Cleanup, reply: (m: AgentMessage) => Promise<void>): Promise<void> => {
    const cluster = converger.assignment()?.cluster ?? null;
    const cleaned = await cleanUp(message, { engine, cluster, facts: converger.facts() });
    await reply(cleaned).catch(() => undefined);
  };
  const onMessage = (message: Work, reply: (m: AgentMessage) => Promise<void>): void => {
    if (message.type === 'assignment') onAssignment(message, reply);
    else if (message.type === 'logs-open') logs.open(message, reply);
    else if (message.type === 'recall') recall.answer(message, reply);
    else if (message.type === 'upgrade') options.upgrades?.begin(message);
    else if (message.type === 'relay-open') options.carrier?.relay(message.id);
    else if (message.type === 'cleanup') void onCleanup(message, reply);
    else if (message.type === 'read-source') options.builder?.reader.read(message, reply);
    else logs.close(message.id);
  };

  if (remembered) {
    const refusal = attempt(() => take(remembered));
    if (refusal) log.error({ reason: refusal }, 'the remembered assignment does not fit');
  }
  state.link = startLink({
    url: settings.masterUrl,
    credentials: options.credentials,
    facts: options.facts,
    revision,
    status,
    figures: () => state.ingress?.figures() ?? null,
    onMessage,
    onAccepted: () => options.upgrades?.accepted(),
    onEnd: () => {
      logs.closeAll();
      recall.endAll();
      options.builder?.reader.endAll();
    },
    log,
    ...(options.timing ? { timing: options.timing } : {}),
  });
  const renewal = startRenewal({
    masterUrl: settings.masterUrl,
    credentials: options.credentials,
    onRenewed: () => {
      state.link?.reconnect();
      options.carrier?.renewed();
    },
    log,
  });
  return {
    status,
    async stop() {
      clearTimeout(adopted);
      logs.closeAll();
      recall.endAll();
      await Promise.all([renewal.stop(), state.link?.stop(), converger.stop(), state.ingress?.stop()]);
      await Promise.all([discovery?.stop(), options.carrier?.stop()]);
      await memory.settled();
    },
  };
}

function statusOf(
  converger: Converger,
  ingress: { observed(): IngressObserved | null } | null,
  discovery: { observed(): DiscoveryObserved | null } | null,
  disk: string | null,
  { upgrades, carrier }: Pick<AgentOptions<unknown, unknown>, 'upgrades' | 'carrier'>,
): Omit<Status, 'type' | 'number'> | null {
  const observed = converger.observe();
  if (observed === null) return null;
  const { carry, ...seen } = observed;
  return {
    ...seen,
    ...(carry && carrier ? { carry: { ...carry, ...carrier.observed() } } : {}),
    observedAtMs: Date.now(),
    ingress: ingress?.observed() ?? null,
    discovery: discovery?.observed() ?? null,
    disk,
    upgrade: upgrades?.observed() ?? null,
  };
}

/** Null: it may be taken. The same revision again is what a master sends after a reconnect. */
function refuse(next: Assignment, held: Assignment | null): string | null {
  if (!held || held.cluster !== next.cluster || next.revision >= held.revision) return null;
  return `revision ${next.revision} is older than ${held.revision}, which this agent has`;
}

function attempt(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function localEndpoints(allocations: AllocationObserved[]): Map<string, Endpoint | null> {
  return new Map(allocations.map(({ id, state, endpoint }) => [id, state === 'ready' ? endpoint : null]));
}

function projectNetworks(networks: ObservedNetwork[]): { project: string; subnet: string }[] {
  return networks
    .flatMap(({ project, subnet }) => (subnet === null ? [] : [{ project, subnet }]))
    .sort((a, b) => (a.subnet < b.subnet ? -1 : 1));
}

/** What of a report is worth a write: all but its times and words. */
function digest(all: AllocationObserved[]): string {
  return JSON.stringify(
    all.map(({ id, state, containerId, endpoint }) => [id, state, containerId, endpoint]),
  );
}

/** Calls `write` only when what `key` makes of the value is another than before. */
function onceChanged<T>(
  before: string,
  key: (value: T) => string,
  write: (value: T) => void,
): (now: T) => void {
  let held = before;
  return (now) => {
    const next = key(now);
    if (next === held) return;
    held = next;
    write(now);
  };
}
