/** PURE: what Docker's inspect says of a container → `ObservedContainer`. Knows API 1.41 to 1.56. */
import type { ContainerState, ObservedContainer, PortBinding } from './engine.js';
import { readLabels } from './labels.js';

/** The part of `GET /containers/{id}/json` that is read. */
export interface DockerInspect {
  Id: string;
  Name: string;
  Created: string;
  State: {
    Status: string;
    ExitCode: number;
    OOMKilled: boolean;
    Error: string;
    StartedAt: string;
    FinishedAt: string;
  };
  Config: { Labels?: Record<string, string> | null; Env?: string[] | null };
  HostConfig: { NetworkMode?: string };
  NetworkSettings: {
    Ports?: Record<string, { HostIp: string; HostPort: string }[] | null> | null;
    Networks?: Record<string, { IPAddress: string }> | null;
  };
}

const states: readonly string[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
];

export function toObservedContainer(inspect: DockerInspect): ObservedContainer {
  const { State: state } = inspect;
  const startedAtMs = timeOf(state.StartedAt);
  const ended = state.Status === 'exited' || state.Status === 'dead';
  return {
    id: inspect.Id,
    name: inspect.Name.replace(/^\//, ''),
    ...readLabels(inspect.Config.Labels ?? {}),
    state: stateOf(state.Status),
    exitCode: ended || state.Error ? state.ExitCode : null,
    oomKilled: state.OOMKilled,
    error: state.Error || null,
    createdAtMs: timeOf(inspect.Created) ?? 0,
    startedAtMs,
    finishedAtMs: timeOf(state.FinishedAt),
    address: addressOf(inspect),
    ports: portsOf(inspect.NetworkSettings.Ports ?? {}),
  };
}

function stateOf(status: string): ContainerState {
  return states.includes(status) ? (status as ContainerState) : 'dead';
}

/** Docker's zero time (`0001-01-01T00:00:00Z`) and anything unreadable is null. */
function timeOf(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

function addressOf({ HostConfig, NetworkSettings }: DockerInspect): string | null {
  const networks = NetworkSettings.Networks ?? {};
  const own = networks[HostConfig.NetworkMode ?? ''] ?? Object.values(networks)[0];
  return own?.IPAddress || null;
}

function portsOf(ports: Record<string, { HostIp: string; HostPort: string }[] | null>): PortBinding[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const [container = '', protocol = 'tcp'] = key.split('/');
    return (bindings ?? []).map((binding) => ({
      container: Number(container),
      protocol,
      hostAddress: binding.HostIp,
      hostPort: Number(binding.HostPort),
    }));
  });
}
