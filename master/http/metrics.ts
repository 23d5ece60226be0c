/** `GET /metrics`: figures of the cluster in the text format of Prometheus. PURE. */
import type { StatusReply } from '../../shared/api.js';

/** The page; `rssBytes` is the master's own memory. */
export function metricsOf(status: StatusReply, rssBytes: number): string {
  const services = status.services;
  return [
    ...metric(
      'orca_service_replicas',
      'gauge',
      'Replicas asked for.',
      services.map((s) => [labels(s), s.replicas]),
    ),
    ...metric(
      'orca_service_ready',
      'gauge',
      'Replicas ready.',
      services.map((s) => [labels(s), s.running_replicas]),
    ),
    ...metric(
      'orca_service_status',
      'gauge',
      '1 for the status it has.',
      services.map((s) => [{ ...labels(s), status: s.status }, 1]),
    ),
    ...metric(
      'orca_allocation_restarts',
      'gauge',
      'Quick exits in a row.',
      services.flatMap((s) =>
        s.allocations.map((a) => [{ ...labels(s), allocation: a.id }, a.restarts] as Sample),
      ),
    ),
    ...metric(
      'orca_node_ready',
      'gauge',
      '1 when the node is ready.',
      status.nodes.map((n) => [{ node: n.name }, n.state === 'ready' ? 1 : 0]),
    ),
    ...metric('orca_master_resident_bytes', 'gauge', 'Memory of the master.', [[{}, rssBytes]]),
    '',
  ].join('\n');
}

type Sample = [labels: Record<string, string>, value: number];

const labels = ({ project, name }: { project: string; name: string }): Record<string, string> => ({
  project,
  service: name,
});

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([of, value]) => `${name}${braces(of)} ${value}`),
  ];
}

function braces(of: Record<string, string>): string {
  const pairs = Object.entries(of).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string): string => value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');
