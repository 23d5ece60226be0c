/**
 * What of a service's container the owner of the cluster has to allow first, because it reaches beyond the container: paths of the host,
 * every right (`privileged`), new rights at run time, capabilities that Docker does not give to all. Asked by whatever
 * makes containers by somebody's word (docs/hardening.md); what runs goes on as it is. Refuses with NOT_ALLOWED, all reasons at once, with the lines to write.
 */
import { DOCKER_CAPABILITIES } from './capabilities.js';
import { OrcaError } from './errors.js';
import { GUARDED_PATHS, hostPath, mountProblem } from './mount-rules.js';
import type { ServiceSpec } from './spec.js';

/** `[security]` of cluster.toml. */
export interface SecurityRules {
  allowedMounts: string[];
  privileged: boolean;
  newPrivileges: boolean;
  /** Beyond those that Docker gives to all; `ALL`: any. */
  capAdd: string[];
  /** The most that a service may set; -1: no limit is needed. */
  pidsLimit: number;
  /** Fixed ports of hosts. A port that Orca itself uses is allowed by a range of that port alone. */
  hostPorts: PortRange[];
}

export interface PortRange {
  from: number;
  to: number;
}

export const NOTHING_ALLOWED: SecurityRules = {
  allowedMounts: [],
  privileged: false,
  newPrivileges: false,
  capAdd: [],
  pidsLimit: 16_384,
  hostPorts: [{ from: 1_024, to: 65_535 }],
};

/** Which the master's host, or an ingress, or any node needs for Orca. */
export interface OwnPlaces {
  home: string;
  ports: readonly number[];
}

interface Refusal {
  message: string;
  /** With this rule changed it would be allowed. */
  wants: Partial<SecurityRules>;
}

/** The spec with the folders that its mounts lie in, for its nodes. `own`: the Orca home and Orca's ports, which are guarded wherever they are. */
export function permit(spec: ServiceSpec, rules: SecurityRules, own: OwnPlaces): ServiceSpec {
  const refusals = [
    ...mountRefusals(spec, rules, own.home),
    ...rightRefusals(spec, rules),
    ...pidsRefusals(spec, rules),
    ...portRefusals(spec, rules, own.ports),
  ];
  if (refusals.length > 0) throw refused(spec, rules, refusals);
  const { container } = spec;
  if (container.mounts.length === 0) return spec;
  const mountsWithin = [...new Set(rules.allowedMounts.map(hostPath))].sort();
  return { ...spec, container: { ...container, mountsWithin } };
}

function mountRefusals({ container }: ServiceSpec, rules: SecurityRules, home: string): Refusal[] {
  return container.mounts.flatMap(({ source }, index): Refusal[] => {
    const problem = mountProblem(source, rules.allowedMounts, [...GUARDED_PATHS, home]);
    if (problem === null) return [];
    const message = `mounts[${index}]: ${source} of the host may not be mounted: ${problem.reason}`;
    return [{ message, wants: { allowedMounts: [problem.wanted] } }];
  });
}

function rightRefusals({ container }: ServiceSpec, rules: SecurityRules): Refusal[] {
  const { privileged, newPrivileges, capAdd = [] } = container.confinement ?? {};
  const refusals: Refusal[] = [];
  if (privileged && !rules.privileged)
    refusals.push({
      message: 'privileged: this cluster runs no container with all rights of its host',
      wants: { privileged: true },
    });
  if (newPrivileges && !rules.newPrivileges)
    refusals.push({
      message: 'new_privileges: this cluster lets no program gain rights (setuid) while it runs',
      wants: { newPrivileges: true },
    });
  for (const name of capAdd) {
    if (DOCKER_CAPABILITIES.includes(name) || [name, 'ALL'].some((one) => rules.capAdd.includes(one)))
      continue;
    refusals.push({
      message: `cap_add: this cluster gives no container the capability ${name}`,
      wants: { capAdd: [name] },
    });
  }
  return refusals;
}

function pidsRefusals({ container }: ServiceSpec, { pidsLimit: most }: SecurityRules): Refusal[] {
  const asked = container.confinement?.pidsLimit;
  if (asked === undefined || most === -1 || (asked !== -1 && asked <= most)) return [];
  const message = `resources.pids_limit: ${asked === -1 ? 'no limit of processes' : asked} is more than the ${most} that this cluster allows`;
  return [{ message, wants: { pidsLimit: asked } }];
}

function portRefusals(
  { container }: ServiceSpec,
  { hostPorts }: SecurityRules,
  own: readonly number[],
): Refusal[] {
  return container.extraPorts.flatMap(({ host }, index): Refusal[] => {
    const isOwn = own.includes(host);
    const fits = ({ from, to }: PortRange): boolean =>
      isOwn ? from === host && to === host : from <= host && host <= to;
    if (hostPorts.some(fits)) return [];
    const why = isOwn ? 'Orca itself uses it' : 'this cluster does not give it to services';
    const message = `extra_ports[${index}]: port ${host} of the host may not be taken: ${why}`;
    return [{ message, wants: { hostPorts: [{ from: host, to: host }] } }];
  });
}

function refused(spec: ServiceSpec, rules: SecurityRules, refusals: readonly Refusal[]): OrcaError {
  const lines = refusals.map(({ message }) => `${spec.name}: ${message}`);
  const hint = `Nothing was changed. To allow it, write ${linesFor(rules, refusals)} under [security] of the master's cluster.toml, and run \`orca reload\`.`;
  return new OrcaError('NOT_ALLOWED', lines.join('\n'), { hint, details: lines });
}

/** The lines that allow what was refused, with what is allowed already. */
function linesFor(rules: SecurityRules, refusals: readonly Refusal[]): string {
  const wants = refusals.map((refusal) => refusal.wants);
  const list = (key: string, before: readonly string[], more: readonly string[]): string[] =>
    more.length === 0 ? [] : [`${key} = ${JSON.stringify([...new Set([...before, ...more])])}`];
  return [
    ...list(
      'allowed_mounts',
      rules.allowedMounts,
      wants.flatMap((want) => want.allowedMounts ?? []),
    ),
    ...(wants.some((want) => want.privileged) ? ['privileged = true'] : []),
    ...(wants.some((want) => want.newPrivileges) ? ['new_privileges = true'] : []),
    ...list(
      'cap_add',
      rules.capAdd,
      wants.flatMap((want) => want.capAdd ?? []),
    ),
    ...pidsLines(wants.flatMap(({ pidsLimit }) => pidsLimit ?? [])),
    ...list(
      'host_ports',
      rules.hostPorts.map(rangeText),
      wants.flatMap((want) => (want.hostPorts ?? []).map(rangeText)),
    ),
  ]
    .map((line) => `\`${line}\``)
    .join(' and ');
}

const pidsLines = (asked: readonly number[]): string[] =>
  asked.length === 0 ? [] : [`pids_limit = ${asked.includes(-1) ? -1 : Math.max(...asked)}`];

const rangeText = ({ from, to }: PortRange): string => (from === to ? String(from) : `${from}-${to}`);
