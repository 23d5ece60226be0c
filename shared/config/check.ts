/**
 * What must hold between the keys of one service, once each value is right alone: impossible combinations are named
 * here, each with what to do.
 */
import { checkBuild } from './build-schema.js';
import { checkDeploy } from './check-deploy.js';
import { checkHttps } from './check-https.js';
import { checkConfinement } from './confinement.js';
import { MAX_PLACES } from './limits.js';
import type { Problem } from './problem.js';
import type { ProbeTable, ServiceTable } from './service-schema.js';

const checks = [
  checkImage,
  checkRouting,
  checkHealth,
  checkNames,
  checkStorage,
  checkPorts,
  checkConfinement,
  checkDeploy,
  checkSource,
];

/**
 * Every impossible combination in one service; empty when there is none. What looks at a key of `broken` (wrong by
 * itself, and left out of `service`) is not asked: it would take it for missing.
 */
export function checkService(service: ServiceTable, broken: ReadonlySet<string> = new Set()): Problem[] {
  return checks.flatMap((check) => {
    let isBlind = false;
    const watched = new Proxy(service, {
      get(table, key: keyof ServiceTable) {
        isBlind ||= broken.has(key);
        return table[key];
      },
    });
    const problems = check(watched);
    return isBlind ? [] : problems;
  });
}

function checkImage(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  if (service.image === undefined && service.build === undefined) {
    problems.push({ path: ['image'], message: 'is required (or a [service.build] that makes one)' });
  }
  if (filled(service.command) && filled(service.cmd)) {
    problems.push({ path: ['cmd'], message: 'is the older name of command; keep one of the two' });
  }
  if (service.pull !== undefined && service.pull_policy !== undefined) {
    problems.push({ path: ['pull_policy'], message: 'is the older name of pull; keep one of the two' });
  }
  return problems;
}

function checkRouting(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  const domains = service.domains ?? [];
  const routed = service.domain !== undefined || domains.length > 0;
  if (service.domain !== undefined && domains.length > 0 && !sameDomain(service.domain, domains)) {
    problems.push({ path: ['domain'], message: 'write domain or domains, not both' });
  }
  if (routed && service.port === undefined) {
    problems.push({ path: ['port'], message: 'is required with a domain: the port the program listens on' });
  }
  const routes = service.routes ?? [];
  if (!routed && routes.some((route) => route !== '/*')) {
    problems.push({ path: ['routes'], message: 'has no effect without a domain; add domain' });
  }
  if (!routed && service.strip_prefix !== undefined && service.strip_prefix !== '/') {
    problems.push({ path: ['strip_prefix'], message: 'has no effect without a domain; add domain' });
  }
  for (const index of repeated(domains)) {
    problems.push({ path: ['domains', index], message: `"${domains[index]}" is listed twice` });
  }
  if (domains.length * routes.length > MAX_PLACES) {
    const message = `must come to at most ${MAX_PLACES} with ${domains.length} domains; there are ${routes.length} routes for each`;
    problems.push({ path: ['routes'], message });
  }
  return [...problems, ...checkHttps(service, routed)];
}

/** Clients of the Rust Orca may send the one domain in both places. */
function sameDomain(domain: string, domains: string[]): boolean {
  return domains.length === 1 && domains[0] === domain;
}

function checkHealth(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  if (service.health !== undefined && service.readiness && kindsOf(service.readiness).length > 0) {
    if (service.readiness.path !== service.health) {
      const message = 'is a shorthand for readiness.path; keep one of health and [service.readiness]';
      problems.push({ path: ['health'], message });
    }
  }
  if (service.health !== undefined && service.port === undefined && service.readiness?.port === undefined) {
    problems.push({ path: ['port'], message: 'is required with health: the port that is asked' });
  }
  for (const name of ['readiness', 'liveness'] as const) {
    const probe = service[name];
    if (probe) problems.push(...checkProbe(name, probe, service.port));
  }
  return problems;
}

function checkProbe(name: 'readiness' | 'liveness', probe: ProbeTable, port: number | undefined): Problem[] {
  const kinds = kindsOf(probe);
  if (kinds.length > 1) {
    return [
      {
        path: [name, kinds[1] ?? 'path'],
        message: `choose one of path, tcp and command; ${kinds.join(' and ')} are set`,
      },
    ];
  }
  const kind = kinds[0];
  if (kind === undefined && name === 'liveness') {
    return [{ path: [name], message: 'needs path = "/…", tcp = true or command = ["…"]' }];
  }
  if ((kind === 'path' || kind === 'tcp') && port === undefined && probe.port === undefined) {
    return [{ path: [name, kind], message: "needs a port: set the service's port, or the probe's" }];
  }
  return [];
}

function kindsOf(probe: ProbeTable): ('path' | 'tcp' | 'command')[] {
  return (['path', 'tcp', 'command'] as const).filter(
    (kind) => probe[kind] !== undefined && probe[kind] !== false,
  );
}

function checkNames(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  for (const [index, other] of (service.depends_on ?? []).entries()) {
    if (other === service.name) {
      problems.push({ path: ['depends_on', index], message: 'a service can not depend on itself' });
    }
  }
  return problems;
}

function checkStorage(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  const volumes = service.volumes ?? [];
  if (service.volume && volumes.length > 0) {
    problems.push({
      path: ['volume'],
      message: 'is the older form of [[service.volumes]]; keep one of the two',
    });
  }
  const places = [
    ...(service.mounts ?? []).map((mount, index) => ({ target: mount.target, path: ['mounts', index] })),
    ...volumes.map((volume, index) => ({ target: volume.path, path: ['volumes', index, 'path'] })),
    ...(service.secret_files ?? []).map((file, index) => ({
      target: file.path,
      path: ['secret_files', index, 'path'],
    })),
    ...(service.tmpfs ?? []).map((one, index) => ({ target: one.path, path: ['tmpfs', index] })),
  ];
  for (const index of repeated(places.map(({ target }) => target))) {
    const { target, path } = places[index] ?? { target: '', path: [] };
    problems.push({ path, message: `something else is mounted at ${target} already` });
  }
  for (const index of repeated(volumes.map(({ name }) => name))) {
    problems.push({ path: ['volumes', index, 'name'], message: `"${volumes[index]?.name}" is used twice` });
  }
  return problems;
}

function checkPorts(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  const ports = service.extra_ports ?? [];
  const again = new Set(repeated(ports.map(({ host, protocol }) => `${host}/${protocol}`)));
  for (const [index, port] of ports.entries()) {
    const taken = again.has(index) || (port.protocol === 'tcp' && port.host === service.host_port);
    if (taken)
      problems.push({ path: ['extra_ports', index], message: `host port ${port.host} is used twice` });
  }
  if (service.host_port !== undefined && service.port === undefined) {
    problems.push({ path: ['host_port'], message: 'needs port: the port inside the container' });
  }
  return problems;
}

function checkSource(service: ServiceTable): Problem[] {
  const problems = checkBuild(service.build);
  const key = service.pull === undefined ? 'pull_policy' : 'pull';
  if (service.build && service[key] !== undefined && service[key] !== 'never')
    problems.push({
      path: [key],
      message: 'has no effect with [service.build]: what is built is not pulled',
    });
  return problems;
}

/** The places of what stands before in the list. */
function repeated(names: readonly string[]): number[] {
  const seen = new Set<string>();
  return names.flatMap((name, index) => {
    if (seen.has(name)) return [index];
    seen.add(name);
    return [];
  });
}

function filled(list: string[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}
