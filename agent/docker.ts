/** The engine port on dockerode: Docker Engine 20.10 (API 1.41) to the current one (API 1.56). */
import { networkInterfaces } from 'node:os';
import { dockerBuilds } from './docker-builds.js';
import { dockerContainers } from './docker-containers.js';
import { ANSWER_MS, ask, askMaybe, WORK_MS } from './docker-errors.js';
import { dockerImages } from './docker-images.js';
import { jsonLines } from './docker-streams.js';
import { dockerVolumes } from './docker-volumes.js';
import { type Docker, openDocker } from './dockerode.js';
import type { Engine, EngineEvent } from './engine.js';
import { LABEL_CLUSTER, LABEL_PROJECT } from './labels.js';

/** `socket`: `unix:///path`, or a path. */
export function dockerEngine(socket: string): Engine {
  const docker = openDocker(socket);
  return {
    ...dockerContainers(docker),
    ...dockerImages(docker),
    ...dockerBuilds(docker, socket),
    ...dockerNetworks(docker),
    ...dockerVolumes(docker),
    async version() {
      const [version, bridge] = await Promise.all([
        ask(ANSWER_MS, () => docker.version()),
        askMaybe(ANSWER_MS, () => docker.getNetwork('bridge').inspect()),
      ]);
      return {
        version: version.Version,
        apiVersion: version.ApiVersion,
        bridgeAddress: bridgeAddress(bridge as DockerBridge | null),
      };
    },
    events: (cluster, onEvent, onEnd) => subscribe(docker, cluster, onEvent, onEnd),
  };
}

function dockerNetworks(docker: Docker): Pick<Engine, 'networks' | 'createNetwork' | 'removeNetwork'> {
  return {
    async networks(cluster) {
      const filters = { label: [`${LABEL_CLUSTER}=${cluster}`] };
      const listed = await ask(ANSWER_MS, (abortSignal) => docker.listNetworks({ filters, abortSignal }));
      return listed.map(({ Id, Name, Labels, IPAM }) => ({
        id: Id,
        name: Name,
        project: Labels?.[LABEL_PROJECT] ?? '',
        subnet: subnetOf(IPAM),
      }));
    },
    async createNetwork(cluster, project, name) {
      const Labels = { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT]: project };
      const { id } = await ask(WORK_MS, (abortSignal) =>
        docker.createNetwork({ Name: name, Driver: 'bridge', CheckDuplicate: true, Labels, abortSignal }),
      );
      const made = await ask(ANSWER_MS, () => docker.getNetwork(id).inspect());
      return { id, name, project, subnet: subnetOf((made as DockerBridge).IPAM) };
    },
    async removeNetwork(id) {
      await askMaybe(WORK_MS, (abortSignal) => docker.getNetwork(id).remove({ abortSignal }));
    },
  };
}

function subnetOf(ipam: unknown): string | null {
  return (ipam as DockerBridge['IPAM'])?.Config?.find(({ Subnet }) => Subnet?.includes('.'))?.Subnet ?? null;
}

interface DockerBridge {
  IPAM?: { Config?: { Subnet?: string; Gateway?: string }[] | null };
  Options?: Record<string, string> | null;
}

/**
 * The host's address on Docker's default bridge. Docker 20.10 names no gateway until a first container runs; it is the
 * bridge's address, and that is the first one of its subnet.
 */
export function bridgeAddress(bridge: DockerBridge | null): string {
  const name = bridge?.Options?.['com.docker.network.bridge.name'] ?? 'docker0';
  const own = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')?.address;
  const config = bridge?.IPAM?.Config?.find(({ Subnet }) => Subnet?.includes('.'));
  return own ?? config?.Gateway ?? firstOf(config?.Subnet) ?? '127.0.0.1';
}

function firstOf(subnet: string | undefined): string | null {
  const octets = subnet?.split('/')[0]?.split('.').map(Number) ?? [];
  if (octets.length !== 4 || octets.some(Number.isNaN)) return null;
  return [...octets.slice(0, 3), (octets[3] ?? 0) + 1].join('.');
}

interface DockerEvent {
  Action?: string;
  Actor?: { ID?: string; Attributes?: { exitCode?: string } };
  timeNano?: number;
}

function exitOf({ Action, Actor, timeNano }: DockerEvent): EngineEvent['exit'] {
  const code = Number(Actor?.Attributes?.exitCode);
  if (Action !== 'die' || !Number.isInteger(code) || timeNano === undefined) return null;
  return { code, atMs: Math.floor(timeNano / 1e6) };
}

/** Container events of the cluster; `onEnd` once, when the stream ended or broke (not after `stop`). */
async function subscribe(
  docker: Docker,
  cluster: string,
  onEvent: (event: EngineEvent) => void,
  onEnd: () => void,
): Promise<{ stop(): void }> {
  const stopped = new AbortController();
  const filters = { type: ['container'], label: [`${LABEL_CLUSTER}=${cluster}`] };
  const stream = await ask(ANSWER_MS, () =>
    docker.getEvents({ filters, abortSignal: stopped.signal } as Parameters<Docker['getEvents']>[0]),
  );
  const read = async (): Promise<void> => {
    for await (const line of jsonLines(stream as unknown as AsyncIterable<Buffer>)) {
      const { Action, Actor } = line as DockerEvent;
      if (Action && Actor?.ID) onEvent({ action: Action, containerId: Actor.ID, exit: exitOf(line) });
    }
  };
  const ended = (): void => {
    if (!stopped.signal.aborted) onEnd();
  };
  void read().then(ended, ended);
  return { stop: () => stopped.abort() };
}
