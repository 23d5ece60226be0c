/**
 * Keeps the facts true to the engine: its events with a targeted look each, and a slow full look. Subscribes before it
 * looks, so nothing falls in between; while the engine does not answer it tries again with a growing wait, and says why.
 */
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { startLoop } from '../shared/loop.js';
import type { EngineObserved } from '../shared/protocol.js';
import type { Engine, EngineEvent, EngineVersion } from './engine.js';
import { forgetContainer } from './execute.js';
import type { Facts } from './facts.js';

export interface LookOptions {
  engine: Engine;
  facts: Facts;
  /** Null until the first assignment: nothing is anyone's business before. */
  cluster: () => string | null;
  /** After each change of the facts or of the engine's state. */
  onChange: () => void;
  everyMs: number;
  log: Log;
}

export interface Look {
  observed(): EngineObserved;
  /** Null until the engine has answered once. */
  version(): EngineVersion | null;
  /** True once the facts hold a complete look for the present cluster. */
  isComplete(): boolean;
  refresh(id: string): Promise<void>;
  /** A step got no answer: find out what is the matter. */
  doubt(reason: string): void;
  wake(): void;
  stop(): Promise<void>;
}

/** The reason before the engine was asked for the first time. */
export const NOT_ASKED = 'not asked yet';

export function startLook(options: LookOptions): Look {
  const { engine, facts, onChange } = options;
  const refreshes = refresher(engine, facts, onChange);
  let state: EngineObserved = { state: 'down', version: null, apiVersion: null, reason: NOT_ASKED };
  let version: EngineVersion | null = null;
  let subscription: { cluster: string; stop(): void } | null = null;
  let complete: string | null = null;
  let failures = 0;

  /** Each change is logged once. */
  const become = (next: EngineObserved): void => {
    if (next.state !== state.state || state.reason === NOT_ASKED) options.log.info(next, 'engine');
    state = next;
  };
  const end = (): void => {
    subscription?.stop();
    subscription = null;
  };

  const subscribe = async (cluster: string): Promise<void> => {
    if (subscription?.cluster === cluster) return;
    end();
    const onEnd = (): void => {
      subscription = null;
      loop.wake();
    };
    const made = await engine.events(cluster, refreshes.onEvent, onEnd);
    subscription = { cluster, stop: made.stop };
  };

  const lookOnce = async (): Promise<void> => {
    version = await engine.version();
    const cluster = options.cluster();
    if (cluster !== null) {
      await subscribe(cluster);
      await lookAtAll(engine, facts, cluster, refreshes);
      complete = cluster;
    }
    become({ state: 'up', version: version.version, apiVersion: version.apiVersion, reason: null });
    failures = 0;
  };

  const pass = async (): Promise<void> => {
    try {
      await lookOnce();
    } catch (error) {
      failures += 1;
      end();
      become({ ...state, state: 'down', reason: `Docker does not answer: ${messageOf(error)}` });
      loop.wakeAt(Date.now() + Math.min(5_000, 100 * 2 ** failures));
    }
    onChange();
  };
  const loop = startLoop(pass, { everyMs: options.everyMs, onError: () => undefined });

  return {
    observed: () => state,
    version: () => version,
    isComplete: () => complete !== null && complete === options.cluster(),
    refresh: refreshes.refresh,
    doubt(reason) {
      become({ ...state, state: 'down', reason: `Docker does not answer: ${reason}` });
      end();
      loop.wake();
    },
    wake: loop.wake,
    async stop() {
      end();
      await loop.stop();
    },
  };
}

interface Refresher {
  refresh(id: string): Promise<void>;
  onEvent(event: EngineEvent): void;
  /** Counts targeted looks: what was seen by one is newer than a full look that began before it. */
  seen(): number;
  seenAt(id: string): number;
  prune(ids: Set<string>): void;
}

/** Targeted looks at one container; two of the same one never overlap, so the newer answer stands. */
function refresher(engine: Engine, facts: Facts, onChange: () => void): Refresher {
  const pending = new Map<string, Promise<void>>();
  const seenAt = new Map<string, number>();
  let count = 0;
  const look = async (id: string): Promise<void> => {
    const container = await engine.container(id);
    count += 1;
    seenAt.set(id, count);
    if (container) facts.containers.set(id, container);
    else forgetContainer(facts, id);
    onChange();
  };
  /** A look would wait until the engine has cleared up; its successor need not. */
  const noteExit = (id: string, exit: NonNullable<EngineEvent['exit']>): void => {
    const known = facts.containers.get(id);
    if (known?.state !== 'running') return;
    count += 1;
    seenAt.set(id, count);
    facts.containers.set(id, { ...known, state: 'exited', exitCode: exit.code, finishedAtMs: exit.atMs });
    onChange();
  };
  const refresh = (id: string): Promise<void> => {
    const next = (pending.get(id) ?? Promise.resolve()).catch(() => undefined).then(() => look(id));
    pending.set(id, next);
    const done = (): void => {
      if (pending.get(id) === next) pending.delete(id);
    };
    next.then(done, done);
    return next;
  };
  return {
    refresh,
    onEvent({ action, containerId, exit }) {
      if (exit) noteExit(containerId, exit);
      if (telling.has(action)) refresh(containerId).catch(() => undefined);
    },
    seen: () => count,
    seenAt: (id) => seenAt.get(id) ?? 0,
    prune(ids) {
      for (const id of seenAt.keys()) if (!ids.has(id) && !facts.containers.has(id)) seenAt.delete(id);
    },
  };
}

/** Events after which a container is another one; `create` and `exec_*` tell nothing that is not known. */
const telling = new Set(['start', 'die', 'destroy', 'pause', 'unpause', 'oom', 'rename']);

async function lookAtAll(engine: Engine, facts: Facts, cluster: string, seen: Refresher): Promise<void> {
  const before = seen.seen();
  const known = { networks: new Set(facts.networks.keys()), tags: new Set(facts.tags.keys()) };
  const [containers, networks, tags] = await Promise.all([
    engine.containers(cluster),
    engine.networks(cluster),
    engine.keptTags(),
  ]);
  const ids = new Set(containers.map(({ id }) => id));
  for (const id of [...facts.containers.keys()]) {
    if (!ids.has(id) && seen.seenAt(id) <= before) forgetContainer(facts, id);
  }
  for (const container of containers) {
    if (seen.seenAt(container.id) <= before) facts.containers.set(container.id, container);
  }
  merge(facts.networks, new Map(networks.map((network) => [network.name, network])), known.networks);
  merge(facts.tags, tags, known.tags);
  seen.prune(ids);
}

/** Makes `held` what was `found`, but for what steps of ours added or took away while the look was under way. */
function merge<T>(held: Map<string, T>, found: Map<string, T>, knownBefore: Set<string>): void {
  const removed = new Set([...knownBefore].filter((name) => !held.has(name)));
  for (const name of knownBefore) if (!found.has(name)) held.delete(name);
  for (const [name, value] of found) if (!removed.has(name)) held.set(name, value);
}
