/**
 * Makes Docker what the assignment says: plans from facts, and runs each step beside the others, never two with one key.
 * So a slow pull or a long stop of one allocation holds up no other. Woken by the engine's events, by assignments, by
 * steps that end and by time; every cause takes the same path. Refuses to act before an assignment is known.
 */

import { isDeepStrictEqual } from 'node:util';
import type { CarryFetch, CarryObserved } from '../shared/carry.js';
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { startLoop } from '../shared/loop.js';
import type {
  AllocationObserved,
  Assignment,
  EngineObserved,
  ImageObserved,
  SentSecrets,
} from '../shared/protocol.js';
import type { Builder } from './build/builder.js';
import type { Carrier } from './carry/carrier.js';
import { type ContainerDns, type Engine, EngineError, type ObservedNetwork } from './engine.js';
import { execute } from './execute.js';
import { emptyFacts, type Facts } from './facts.js';
import { type Look, NOT_ASKED, startLook } from './look.js';
import type { MountLock } from './mount-sources.js';
import { type Plan, plan } from './plan.js';
import { carryObserved } from './plan-fetch.js';
import { createProbes } from './probes.js';
import { pruneFacts } from './prune.js';
import { createReporter } from './report.js';
import { noSecretFiles, type SecretFiles } from './secret-files.js';
import { hideValues, keptSecrets, withoutValues } from './secrets.js';
import { allocationKey, imageKey, type Step } from './step.js';
import { withAdvice } from './words.js';

export interface ConvergeOptions {
  engine: Engine;
  /** Where ports are published; null: Docker's default bridge. */
  publishAddress: string | null;
  /** What a new container of a project asks about names; undefined: not known yet, and it waits. Absent: Docker. */
  dnsFor?: (project: string) => ContainerDns | null | undefined;
  /** What an earlier agent of this node last reported; empty when there was none. */
  remembered: AllocationObserved[];
  /** Image tags that earlier assignments of this node asked for. */
  ownTags: string[];
  /** Absent: nothing is built here. */
  builder?: Builder | null;
  /** Absent: nothing has secrets as files. */
  secretFiles?: SecretFiles;
  /** Absent: the node allows what the cluster does. */
  mountLock?: MountLock;
  /** What brings images here that no registry has; absent: nothing does. */
  carrier?: () => Pick<Carrier, 'fetch'>;
  onChange: () => void;
  log: Log;
  /** The slow full look. */
  lookEveryMs?: number;
}

export interface Observation {
  revision: number;
  engine: EngineObserved;
  allocations: AllocationObserved[];
  images: ImageObserved[];
  /** Of the images that no registry has; null: the master speaks of none. */
  carry: Pick<CarryObserved, 'holds' | 'lacks'> | null;
}

export interface Converger {
  assign(assignment: Assignment): void;
  /** Something that it depends on has changed. */
  wake(): void;
  /** Without the values of secrets. */
  assignment(): Assignment | null;
  /** Null until there is something true to say: the engine was asked, and what runs was looked at. */
  observe(): Observation | null;
  facts(): Facts;
  /** Of the cluster; null until they were looked at. */
  networks(): ObservedNetwork[] | null;
  /** No further step starts; containers go on. */
  stop(): Promise<void>;
}

/** A container that waits for names is looked at again after so long, if nothing is heard before. */
const HELD_MS = 1_000;

export function startConverge(options: ConvergeOptions): Converger {
  const { engine, log } = options;
  const facts = emptyFacts();
  for (const tag of options.ownTags) facts.ownTags.add(tag);
  const running = new Map<string, Promise<void>>();
  const reporter = createReporter(options.remembered);
  let assignment: Assignment | null = null;
  let latest: Plan | null = null;

  const look = startLook({
    engine,
    facts,
    cluster: () => assignment?.cluster ?? null,
    onChange: () => loop.wake(),
    everyMs: options.lookEveryMs ?? 30_000,
    log,
  });
  const wasReady = new Set(
    options.remembered.filter(({ state }) => state === 'ready').map(({ containerId }) => containerId),
  );
  const probes = createProbes({ engine, facts, wasReady, onChange: () => loop.wake() });

  const publishAddress = (): string => options.publishAddress ?? look.version()?.bridgeAddress ?? '127.0.0.1';

  const secretFiles = options.secretFiles ?? noSecretFiles;
  const builder = options.builder ?? null;
  const dnsFor = options.dnsFor ?? ((): null => null);
  const isHeld = (step: Step): boolean =>
    step.kind === 'create-container' && dnsFor(step.allocation.project) === undefined;

  const launch = (step: Step, cluster: string): void => {
    const context = {
      engine,
      facts,
      cluster,
      publishAddress: publishAddress(),
      dnsFor: (project: string) => dnsFor(project) ?? null,
      secretFiles,
      mountLock: options.mountLock ?? { home: '/var/lib/orca', folders: null },
      carrier: options.carrier ?? noCarrier,
      builder,
      refresh: look.refresh,
      onProgress: loop.wake,
    };
    const work = execute(step, context)
      .then(
        () => succeeded(step, facts, log),
        (error: unknown) => failed(step, error, { facts, log, look, isJob: isOfJob(step, assignment) }),
      )
      .finally(() => {
        running.delete(step.key);
        loop.wake();
      });
    running.set(step.key, work);
  };

  const pass = async (): Promise<void> => {
    if (assignment && look.isComplete()) {
      const nowMs = Date.now();
      pruneFacts(facts, assignment, running);
      if (builder) followBuilds(builder, assignment, facts);
      secretFiles.keep(new Set([...liveIds(assignment, facts), ...(builder?.running() ?? [])]));
      probes.follow(assignment);
      latest = plan(assignment, facts, nowMs);
      if (look.observed().state === 'up') {
        const due = latest.steps.filter((step) => !running.has(step.key));
        for (const step of due) if (!isHeld(step)) launch(step, assignment.cluster);
        if (due.some(isHeld)) loop.wakeAt(nowMs + HELD_MS);
      }
      if (latest.wakeAtMs !== null) loop.wakeAt(latest.wakeAtMs);
    }
    options.onChange();
  };
  const loop = startLoop(pass, {
    everyMs: 30_000,
    onError: (error) => log.error({ reason: messageOf(error) }, 'a pass failed'),
  });

  return {
    assign(next) {
      const moved = assignment?.cluster !== next.cluster;
      facts.secrets = keptSecrets(facts.secrets, next);
      takeRegistries(facts, next);
      takeCarry(facts, next);
      assignment = withoutValues(next);
      if (moved) look.wake();
      loop.wake();
    },
    wake: () => loop.wake(),
    assignment: () => assignment,
    observe() {
      const state = look.observed();
      if (state.reason === NOT_ASKED) return null;
      if (assignment && !look.isComplete() && state.state === 'up') return null;
      return {
        revision: assignment?.revision ?? 0,
        engine: state,
        allocations: reporter
          .report(assignment, latest, facts, state, Date.now())
          .map((one) => withoutSecrets(one, facts.secrets)),
        images: latest?.images ?? [],
        carry: assignment?.carry ? carryObserved(assignment, facts) : null,
      };
    },
    facts: () => facts,
    networks: () => (look.isComplete() ? [...facts.networks.values()] : null),
    async stop() {
      probes.stop();
      await Promise.all([loop.stop(), look.stop()]);
    },
  };
}

/** What was refused to somebody else is asked for at once. */
function takeRegistries(facts: Facts, { registries = {}, allocations }: Assignment): void {
  if (!isDeepStrictEqual(registries, facts.registries))
    for (const { imageId } of allocations) facts.failures.delete(imageKey(imageId));
  facts.registries = registries;
}

/** A fetch for which the master now names other nodes is tried at once. */
function takeCarry(facts: Facts, { carry = nothingCarried, keep }: Assignment): void {
  const said = ({ sources, from, reason }: CarryFetch): string => JSON.stringify([sources, from, reason]);
  const before = new Map(facts.carry.fetch.map((one) => [one.imageId, said(one)]));
  for (const one of carry.fetch)
    if (before.get(one.imageId) !== said(one)) facts.failures.delete(imageKey(one.imageId));
  facts.carry = carry;
  facts.keep = keep;
}

const nothingCarried = { watch: [], fetch: [], serve: [] };
const noCarrier = (): never => {
  throw new EngineError('refused', 'this agent carries no images');
};

/** What nobody wants any more ends; of the rest the facts say how far it is. */
function followBuilds(builder: Builder, { images }: Assignment, facts: Facts): void {
  builder.keep(new Set(images.flatMap(({ build }) => build?.id ?? [])));
  for (const { id, build } of images) {
    const observed = build ? builder.observed(build.id) : null;
    if (observed) facts.builds.set(id, { ...observed });
  }
}

/** Allocations that have a container, or get one. */
const liveIds = ({ allocations }: Assignment, facts: Facts): Set<string> =>
  new Set([
    ...allocations.filter(({ desired }) => desired === 'running').map(({ id }) => id),
    ...[...facts.containers.values()].map(({ allocation }) => allocation),
  ]);

/** What a program prints when it fails goes far; what it was given in secret does not go with it. */
function withoutSecrets(seen: AllocationObserved, held: SentSecrets): AllocationObserved {
  if (Object.keys(held).length === 0) return seen;
  return {
    ...seen,
    reason: seen.reason === null ? null : hideValues(seen.reason, held),
    lastLogs: seen.lastLogs.map((line) => hideValues(line, held)),
  };
}

function succeeded(step: Step, facts: Facts, log: Log): void {
  if (step.kind !== 'create-container') facts.failures.delete(step.key);
  log.info({ step: step.kind, key: step.key }, 'done');
}

const isOfJob = ({ key }: Step, assignment: Assignment | null): boolean =>
  assignment?.allocations.some(({ id, group }) => group === 'job' && allocationKey(id) === key) ?? false;

/** No answer says nothing about the step; a missing image is a fact for the plan; the rest is a refusal, in its words. */
function failed(
  step: Step,
  error: unknown,
  { facts, log, look, isJob }: { facts: Facts; log: Log; look: Look; isJob: boolean },
): void {
  const kind = error instanceof EngineError ? error.kind : 'refused';
  const message = hideValues(withAdvice(messageOf(error), isJob), facts.secrets);
  log.warn({ step: step.kind, key: step.key, kind, reason: message }, 'refused');
  if (kind === 'down') look.doubt(messageOf(error));
  else look.wake();
  if (kind === 'down') return;
  if (step.kind === 'create-container') {
    if (kind === 'no-such-image') facts.missing.add(step.allocation.imageId);
    const isTaken = kind === 'conflict' && !facts.taken.has(step.name);
    if (isTaken) facts.taken.add(step.name);
    if (kind === 'no-such-image' || isTaken) return;
  }
  const count = (facts.failures.get(step.key)?.count ?? 0) + 1;
  facts.failures.set(step.key, { message, count, atMs: Date.now() });
}
