/**
 * The spec of a preview, made of the spec of its service. PURE. A preview is its own service beside it, with a domain, volumes and names of
 * its own, and never has more than the original: what would collide is left out, what reaches the host can only be read, and what can't be
 * given to code that nobody has merged yet is refused.
 */
import { type PreviewMark, previewName } from '../../shared/preview.js';
import type { ContainerSpec, DeploySpec, ServiceSpec } from '../../shared/spec.js';

export type Derived =
  | {
      kind: 'spec';
      spec: ServiceSpec;
      /** What it does not have of the original, in words. */
      without: string[];
    }
  | { kind: 'refused'; reason: string };

const MAX_NAME = 63;
const MAX_DOMAIN = 253;

/** `isFork`: its commits are of another repository. */
export function previewSpec(original: ServiceSpec, mark: PreviewMark, isFork: boolean): Derived {
  const reason = refusalOf(original, mark, isFork);
  if (reason !== null) return { kind: 'refused', reason };
  const name = previewName(original.name, mark.number);
  const domain = previewDomain(original, mark.number);
  const { build, hsts: _, ...rest } = original;
  const spec: ServiceSpec = {
    ...rest,
    name,
    replicas: original.deploy.previewReplicas ?? Math.min(1, original.replicas),
    container: containerOf(original, name),
    domains: domain === null ? [] : [domain],
    tls: null,
    deploy: rolling(original.deploy),
    build: build && { ...build, paths: [] },
    preview: mark,
  };
  return { kind: 'spec', spec, without: withoutOf(original) };
}

/** `pr-N.` before the first of its domains, one without `*` if there is one; null: it has none. */
export function previewDomain({ domains }: Pick<ServiceSpec, 'domains'>, number: number): string | null {
  const first = domains.find((domain) => !domain.startsWith('*.')) ?? domains[0]?.slice(2);
  // What is served under an address alone has no names below it.
  return first === undefined || /^[\d.]+$/.test(first) ? null : `pr-${number}.${first}`;
}

/** Why a service can have no previews at all; null: it can. */
export function previewProblem({ name, build, preview, container }: ServiceSpec): string | null {
  if (preview) return `${name} is a preview itself, and follows its pull request`;
  if (build === null)
    return `${name} has no [service.build]: there is no image of a pull request to be previewed`;
  return container.confinement?.privileged
    ? `${name} is privileged, which code that is not merged yet can't be`
    : null;
}

function refusalOf(original: ServiceSpec, { number }: PreviewMark, isFork: boolean): string | null {
  const problem = previewProblem(original);
  if (problem !== null) return problem;
  const name = previewName(original.name, number);
  if (name.length > MAX_NAME) return `${name} is too long for a service's name (${MAX_NAME} characters)`;
  const domain = previewDomain(original, number);
  if (domain !== null && domain.length > MAX_DOMAIN) return `${domain} is too long for a domain`;
  return isFork ? forkProblem(original.container) : null;
}

/** What a stranger's code does not get, whatever the service has. */
function forkProblem({ mounts, confinement = {} }: ContainerSpec): string | null {
  const what = [
    ...(mounts.length > 0 ? ['mounts of the host'] : []),
    ...(confinement.capAdd === undefined ? [] : ['cap_add']),
    ...(confinement.newPrivileges ? ['new_privileges'] : []),
  ];
  return what.length === 0
    ? null
    : `the service has ${what.join(' and ')}, which code of a fork does not get`;
}

function containerOf({ project, name: of, container }: ServiceSpec, name: string): ContainerSpec {
  const { secrets: _, mountsWithin: __, ...rest } = container;
  const isNamed = container.image === builtAs(project, of);
  return {
    ...rest,
    image: isNamed ? builtAs(project, name) : container.image,
    aliases: [],
    extraPorts: [],
    mounts: container.mounts.map((mount) => ({ ...mount, readOnly: true })),
    // A service's volumes are named after it: these are others, and nobody else's.
    volumes: container.volumes.map((volume) => ({ ...volume, preview: true as const })),
  };
}

/** What an image that is built is called before it is (`shared/config/normalize`). */
const builtAs = (project: string, name: string): string => `orca.local/${project}/${name}:build`;

function rolling(deploy: DeploySpec): DeploySpec {
  if (deploy.strategy === 'rolling') return deploy;
  const plain = { canaryReplicas: null, canarySteps: [], analysis: null, sticky: false, groupHeader: false };
  return { ...deploy, strategy: 'rolling', ...plain };
}

function withoutOf({ container, domains, deploy, hsts, tls }: ServiceSpec): string[] {
  const { extraPorts, aliases, mounts } = container;
  return [
    ...(extraPorts.length > 0 ? [`no extra_ports (${extraPorts.map(({ host }) => host).join(', ')})`] : []),
    ...(aliases.length > 0 ? [`no aliases (${aliases.join(', ')})`] : []),
    ...(mounts.some(({ readOnly }) => !readOnly) ? ['mounts are read-only'] : []),
    ...(domains.length > 1 ? ['one domain alone'] : []),
    ...(deploy.strategy === 'canary' ? ['no canary'] : []),
    ...(tls === null ? [] : ['tls_cert only where it covers the name']),
    ...(hsts ? ['no hsts'] : []),
  ];
}
