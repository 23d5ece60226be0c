/** `GET /metrics`: figures of the cluster in the text format of Prometheus. PURE. */
import type { StatusReply } from '../../shared/api.js';
import { type Labels, metric, type Sample } from './metrics-text.js';
import { type ServiceTraffic, trafficLines } from './traffic-metrics.js';

/** The page; `rssBytes` is the master's own memory. */
export function metricsOf(status: StatusReply, traffic: readonly ServiceTraffic[], rssBytes: number): string {
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
      'orca_canary_weight',
      'gauge',
      'Percent of the traffic that the canary was observed to get.',
      services.map((s) => [labels(s), s.groups.canary?.weight ?? 0]),
    ),
    ...trafficLines(traffic),
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
    ...metric(
      'orca_certificate_expires_seconds',
      'gauge',
      'When what a name is served with expires, in seconds since 1970.',
      status.certificates
        .filter((c) => c.expires_at !== '')
        .map((c) => [{ name: c.name, source: c.source }, Date.parse(c.expires_at) / 1_000]),
    ),
    ...metric(
      'orca_certificate_ok',
      'gauge',
      '0 when a name is not served as it should be: its renewal fails, it has none that is wanted, or the one of its owner is refused.',
      status.certificates.map((c) => [
        { name: c.name, source: c.source },
        ['failing', 'waiting', 'refused'].includes(c.state) ? 0 : 1,
      ]),
    ),
    ...metric('orca_master_resident_bytes', 'gauge', 'Memory of the master.', [[{}, rssBytes]]),
    '',
  ].join('\n');
}

const labels = ({ project, name }: { project: string; name: string }): Labels => ({ project, service: name });
