/**
 * The engine port in memory: small, exact about what the agent relies on (names are unique, a network must be there, a
 * start may be refused), and steerable: containers can be killed, calls can be made to fail or to hang.
 */
import {
  type ContainerRequest,
  type Engine,
  EngineError,
  type EngineEvent,
  type ObservedContainer,
  type ObservedImage,
  type ObservedNetwork,
} from '../../agent/engine.js';
import { allocationFingerprint, containerLabels } from '../../agent/labels.js';
import type { LogLine } from '../../shared/protocol.js';
import { type FakeBuilds, fakeBuilds } from './fake-builds.js';
import { fakeVolumes } from './fake-volumes.js';

export interface FakeContainer extends ObservedContainer {
  request: ContainerRequest;
  log: string[];
}

export interface FakeEngine extends Engine {
  readonly held: Map<string, FakeContainer>;
  readonly heldNetworks: Map<string, ObservedNetwork & { cluster: string }>;
  /** Reference or id → image; what a registry would give is in `registry`. */
  readonly images: Map<string, ObservedImage>;
  readonly registry: Map<string, ObservedImage>;
  readonly tags: Map<string, string>;
  readonly builds: FakeBuilds;
  /** The calls made, as `method argument`. */
  readonly calls: string[];
  /** Called before each call; may throw or wait. */
  before: (call: string) => void | Promise<void>;
  /** Ends a container as `docker kill` does. */
  die(id: string, exitCode: number): void;
  /** By `cluster allocation`: how many containers of it ran at the same time at most. */
  readonly mostRunning: Map<string, number>;
  now(): number;
}

export function fakeEngine(now: () => number = Date.now): FakeEngine {
  const held = new Map<string, FakeContainer>();
  const heldNetworks = new Map<string, ObservedNetwork & { cluster: string }>();
  const images = new Map<string, ObservedImage>();
  const registry = new Map<string, ObservedImage>();
  const tags = new Map<string, string>();
  const mostRunning = new Map<string, number>();
  const calls: string[] = [];
  const listeners = new Set<{ cluster: string; onEvent: (event: EngineEvent) => void }>();
  let count = 0;

  const emit = (container: FakeContainer, action: string): void => {
    for (const { cluster, onEvent } of listeners) {
      if (cluster === container.cluster)
        onEvent({ action, containerId: container.id, exit: exitOf(action, container) });
    }
  };
  const called = async (name: string, argument = ''): Promise<void> => {
    calls.push(`${name} ${argument}`.trim());
    await engine.before(`${name} ${argument}`.trim());
  };
  const need = (id: string): FakeContainer => {
    const container = held.get(id);
    if (!container) throw new EngineError('not-found', `No such container: ${id}`);
    return container;
  };
  const end = (container: FakeContainer, exitCode: number): void => {
    if (container.state !== 'running') return;
    Object.assign(container, { state: 'exited', exitCode, finishedAtMs: now(), ports: [] });
    emit(container, 'die');
  };
  /** The command `say A B exit N` says A and B and ends with N; any other stays up. */
  const talk = (container: FakeContainer): void => {
    const [verb, ...words] = container.request.allocation.container.command ?? [];
    if (verb !== 'say') return;
    const exit = words.indexOf('exit');
    container.log.push(...words.slice(0, exit));
    end(container, Number(words[exit + 1]));
  };
  const copy = ({ request: _, log: __, ...observed }: FakeContainer): ObservedContainer => ({
    ...observed,
    ports: [...observed.ports],
  });

  const volumes = fakeVolumes(held);
  const builds = fakeBuilds(images, now);
  const engine: FakeEngine = {
    builds,
    build: builds.build,
    kit: builds.kit,
    builtImages: builds.builtImages,
    removeBuilt: builds.removeBuilt,
    held,
    heldNetworks,
    images,
    registry,
    tags,
    calls,
    mostRunning,
    now,
    before: () => undefined,
    die: (id, exitCode) => end(need(id), exitCode),
    async version() {
      await called('version');
      return { version: 'fake', apiVersion: '0', bridgeAddress: '127.0.0.1' };
    },
    async events(cluster, onEvent) {
      await called('events');
      const listener = { cluster, onEvent };
      listeners.add(listener);
      return { stop: () => void listeners.delete(listener) };
    },
    ...volumes.port,
    async containers(cluster) {
      await called('containers');
      return [...held.values()].filter((c) => c.cluster === cluster).map(copy);
    },
    async container(id) {
      await called('container', id);
      const container = held.get(id);
      return container ? copy(container) : null;
    },
    async madeWith(id) {
      await called('madeWith', id);
      const { request } = held.get(id) ?? {};
      if (!request) return null;
      const { cluster, allocation, attempt, level } = request;
      const env = Object.entries(request.env).map(([key, value]) => `${key}=${value}`);
      return { labels: containerLabels(cluster, allocation, attempt, level), env: ['PATH=/bin', ...env] };
    },
    async create(request) {
      const { allocation, attempt, level, cluster, name } = request;
      await called('create', name);
      if (![...images.values()].some(({ id }) => id === allocation.imageId)) {
        throw new EngineError('no-such-image', `No such image: ${allocation.imageId}`);
      }
      if ([...held.values()].some((c) => c.name === name)) {
        throw new EngineError('conflict', `The container name "/${name}" is already in use`);
      }
      count += 1;
      const id = `c${count}`;
      volumes.made(request);
      held.set(id, {
        id,
        name,
        cluster,
        project: allocation.project,
        service: allocation.service,
        allocation: allocation.id,
        attempt,
        level,
        fingerprint: allocationFingerprint(allocation),
        state: 'created',
        exitCode: null,
        oomKilled: false,
        error: null,
        createdAtMs: now(),
        startedAtMs: null,
        finishedAtMs: null,
        address: null,
        ports: [],
        request,
        log: [],
      });
      return id;
    },
    async start(id) {
      await called('start', id);
      const container = need(id);
      if (container.state === 'running') return;
      if (![...heldNetworks.values()].some(({ name }) => name === container.request.network)) {
        throw new EngineError('refused', `network ${container.request.network} not found`);
      }
      const { port } = container.request.allocation.container;
      const ports =
        port === null
          ? []
          : [
              {
                container: port,
                protocol: 'tcp',
                hostAddress: container.request.publishAddress,
                hostPort: 30_000 + count,
              },
            ];
      Object.assign(container, {
        state: 'running',
        startedAtMs: now(),
        finishedAtMs: null,
        exitCode: null,
        address: '127.0.0.1',
        ports,
      });
      const alive = [...held.values()].filter(
        (c) =>
          c.cluster === container.cluster && c.allocation === container.allocation && c.state === 'running',
      ).length;
      const key = `${container.cluster} ${container.allocation}`;
      mostRunning.set(key, Math.max(alive, mostRunning.get(key) ?? 0));
      emit(container, 'start');
      talk(container);
    },
    async stop(id) {
      await called('stop', id);
      const container = held.get(id);
      if (container) end(container, 143);
    },
    async remove(id) {
      await called('remove', id);
      const container = held.get(id);
      if (!container) return;
      if (container.state === 'running')
        throw new EngineError('conflict', 'You cannot remove a running container');
      held.delete(id);
      emit(container, 'destroy');
    },
    async *logs(id, { tail }): AsyncGenerator<LogLine> {
      await called('logs', id);
      const lines = need(id).log;
      for (const text of tail === null ? lines : lines.slice(-tail))
        yield { atMs: now(), stream: 'stdout', text };
    },
    async exec(id, command) {
      await called('exec', `${id} ${command.join(' ')}`);
      need(id);
      return { exitCode: command[0] === 'false' ? 1 : 0, output: command.slice(1).join(' ') };
    },
    async networks(cluster) {
      await called('networks');
      return [...heldNetworks.values()]
        .filter((n) => n.cluster === cluster)
        .map(({ id, name, project, subnet }) => ({ id, name, project, subnet }));
    },
    async createNetwork(cluster, project, name) {
      await called('createNetwork', name);
      if (heldNetworks.has(name))
        throw new EngineError('conflict', `network with name ${name} already exists`);
      const subnet = `10.${heldNetworks.size}.0.0/16`;
      const network = { id: `n-${name}`, name, project, subnet, cluster };
      heldNetworks.set(name, network);
      return { id: network.id, name, project, subnet };
    },
    async removeNetwork(id) {
      await called('removeNetwork', id);
      for (const [name, network] of heldNetworks) if (network.id === id) heldNetworks.delete(name);
    },
    async image(reference) {
      await called('image', reference);
      return images.get(reference) ?? [...images.values()].find(({ id }) => id === reference) ?? null;
    },
    async pull(reference, onPercent) {
      await called('pull', reference);
      const image = registry.get(reference);
      if (!image) throw new EngineError('refused', `manifest for ${reference} not found: manifest unknown`);
      onPercent(43);
      images.set(reference, image);
    },
    async push(reference) {
      await called('push', reference);
    },
    imagePlaces: async () => [],
    async keptTags() {
      await called('keptTags');
      return new Map(tags);
    },
    async tag(imageId, tag) {
      await called('tag', tag);
      tags.set(tag, imageId);
    },
    async passingReferences(port) {
      await called('passingReferences', `${port}`);
      return [...tags.keys()].filter((tag) => tag.startsWith(`127.0.0.1:${port}/`));
    },
    async untag(tag) {
      await called('untag', tag);
      tags.delete(tag);
    },
  };
  return engine;
}

function exitOf(action: string, { exitCode, finishedAtMs }: FakeContainer): EngineEvent['exit'] {
  if (action !== 'die' || exitCode === null || finishedAtMs === null) return null;
  return { code: exitCode, atMs: finishedAtMs };
}
