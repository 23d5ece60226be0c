/**
 * The port to the container engine, declared by its user: what the agent asks of Docker and nothing more. `docker.ts`
 * is the real one, `test/support/fake-engine.ts` the fake; one contract suite runs on both. Every method rejects with
 * `EngineError`, whose `kind` is all that a caller may decide on; the message is the engine's own words.
 */
import type { BuilderKind } from '../shared/build.js';
import type { AllocationAssignment, LogLine } from '../shared/protocol.js';
import type { ContainerSpec } from '../shared/spec.js';

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface PortBinding {
  container: number;
  protocol: string;
  hostAddress: string;
  hostPort: number;
}

/** A container of this cluster as the engine shows it. Times are ms since the epoch; null where it never happened. */
export interface ObservedContainer {
  id: string;
  name: string;
  cluster: string;
  project: string;
  service: string;
  /** Empty when its labels are broken: nobody wants such a container. */
  allocation: string;
  attempt: number;
  /** Consecutive quick exits before this container: the level of the back-off. */
  level: number;
  fingerprint: string;
  state: ContainerState;
  exitCode: number | null;
  oomKilled: boolean;
  /** Why the engine could not start it, in its own words. */
  error: string | null;
  createdAtMs: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  /** On its project's network. */
  address: string | null;
  ports: PortBinding[];
}

export interface ObservedNetwork {
  id: string;
  name: string;
  project: string;
  /** Its IPv4 addresses, as `172.18.0.0/16`; null: it has none. */
  subnet: string | null;
}

/** What a container asks about names, first things first. */
export interface ContainerDns {
  servers: string[];
  search: string[];
}

/** An image on this node: `id` is what containers are made from, `digest` (`repo@sha256:…`) what registries know. */
export interface ObservedImage {
  id: string;
  digest: string | null;
}

/** How a registry is shown who asks. */
export interface RegistryAuth {
  username: string;
  password: string;
  serveraddress: string;
}

/** What a container is made from; everything is decided, nothing is looked up on the way. */
export interface ContainerRequest {
  cluster: string;
  allocation: AllocationAssignment;
  /** Its environment, with the values of secrets. */
  env: Record<string, string>;
  /** Its mounts, with where they lead on this host. */
  mounts: ContainerSpec['mounts'];
  /** Files on the host that it finds at `target`, to be read only. */
  files: { source: string; target: string }[];
  network: string;
  /** Where `port` is published; the host port is the engine's choice. */
  publishAddress: string;
  /** Null: it is left to Docker, which then knows services on this node by name. */
  dns: ContainerDns | null;
  name: string;
  attempt: number;
  level: number;
}

export interface EngineVersion {
  version: string;
  apiVersion: string;
  /** Address on which published ports reach containers through the kernel, without a proxy in the path. */
  bridgeAddress: string;
}

export interface EngineEvent {
  action: string;
  containerId: string;
  /** Of a `die`: what it ended with, and when. Said before the engine has cleared up behind it. */
  exit: { code: number; atMs: number } | null;
}

export interface LogOptions {
  /** Null: all there are. */
  tail: number | null;
  sinceMs: number | null;
  follow: boolean;
}

export interface Engine {
  version(): Promise<EngineVersion>;
  /** Calls back for each container event of the cluster; resolves once subscribed. `onEnd` is called when it broke off. */
  events(
    cluster: string,
    onEvent: (event: EngineEvent) => void,
    onEnd: () => void,
  ): Promise<{ stop(): void }>;
  containers(cluster: string): Promise<ObservedContainer[]>;
  /** Null when there is no such container any more. */
  container(id: string): Promise<ObservedContainer | null>;
  /** The labels and the environment (`KEY=value`) it was made with; null when there is no such container any more. */
  madeWith(id: string): Promise<{ labels: Record<string, string>; env: string[] } | null>;
  create(request: ContainerRequest): Promise<string>;
  start(id: string): Promise<void>;
  /** Sends the image's stop signal, SIGKILL after `graceMs`; resolves when it has ended. Not running: nothing to do. */
  stop(id: string, graceMs: number): Promise<void>;
  /** Removes it with its anonymous volumes; gone already: nothing to do. */
  remove(id: string): Promise<void>;
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
  exec(id: string, command: string[], signal: AbortSignal): Promise<{ exitCode: number; output: string }>;
  /** The volumes that were made for previews, each with `project/name` of its own. */
  previewVolumes(cluster: string): Promise<{ name: string; preview: string }[]>;
  /** Gone already: nothing to do. Rejects with `conflict` while a container has it. */
  removeVolume(name: string): Promise<void>;
  networks(cluster: string): Promise<ObservedNetwork[]>;
  createNetwork(cluster: string, project: string, name: string): Promise<ObservedNetwork>;
  removeNetwork(id: string): Promise<void>;
  /** By reference or id; null when it is not on this node. Never asks a registry. */
  image(reference: string): Promise<ObservedImage | null>;
  /** `auth` null: what `docker login` left on this host, if anything. An aborted one rejects. */
  pull(
    reference: string,
    onPercent: (percent: number) => void,
    options?: { auth?: RegistryAuth | null; signal?: AbortSignal },
  ): Promise<void>;
  push(reference: string, auth: RegistryAuth, onPercent: (percent: number) => void): Promise<void>;
  /** Builds what `context` holds, as a tar; each line of its output goes to `onLine`. Rejects with Docker's words, or the signal's reason. */
  build(
    request: ImageBuild,
    context: NodeJS.ReadableStream,
    onLine: (text: string) => void,
    signal: AbortSignal,
  ): Promise<BuiltImage>;
  /** What of BuildKit can be used. Rejects only where the engine does not answer. */
  kit(): Promise<BuildKit>;
  /** Of images that carry the label `orca.build` and the cluster's. */
  builtImages(cluster: string): Promise<BuiltImage[]>;
  /** Takes the tag away, and with the last one the image and what it alone was made of; not of one that a container is made from. */
  removeBuilt(tag: string): Promise<void>;
  /** The folders on whose disks images lie, as this host has them. */
  imagePlaces(): Promise<string[]>;
  /** The tags below `orca.local/`. */
  keptTags(): Promise<Map<string, string>>;
  tag(imageId: string, tag: string): Promise<void>;
  untag(tag: string): Promise<void>;
  /** The tags and digests that begin with `127.0.0.1:PORT/`: what carrying an image puts on it (`agent/carry`). */
  passingReferences(port: number): Promise<string[]>;
}

/** What Docker's builder is told; everything is decided. */
export interface ImageBuild {
  tag: string;
  dockerfile: string;
  args: Record<string, string>;
  labels: Record<string, string>;
  target: string | null;
  platform: string | null;
  /** Of each container that a step runs in; with BuildKit, of all its steps together. */
  memoryBytes: number;
  cpus: number;
  /** `buildkit` only where `kit()` says that it is there. */
  builder: BuilderKind;
  /** By the id that the Dockerfile mounts it with; only with BuildKit. */
  secrets: Record<string, string>;
  /** Caches that steps mount (`--mount=type=cache`) are those of builds with the same scope alone. Without a slash. */
  cacheScope: string;
}

/** What of BuildKit an engine has that can be held to limits here. */
export interface BuildKit {
  /** `old`: that of Docker 20.10, without heredocs, `COPY --link` and what came with them. */
  level: 'none' | 'old' | 'current';
  /** Why it is not used, or not more of it; empty for `current`. */
  reason: string;
}

export interface BuiltImage {
  id: string;
  tags: string[];
  sizeBytes: number;
  createdAtMs: number;
  labels: Record<string, string>;
}

export type EngineErrorKind =
  /** No answer: not running, restarting, hanging. Says nothing about what was asked. */
  'down' | 'no-such-image' | 'not-found' | 'conflict' | 'refused';

export class EngineError extends Error {
  readonly kind: EngineErrorKind;

  constructor(kind: EngineErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'EngineError';
    this.kind = kind;
  }
}
