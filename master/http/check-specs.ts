/**
 * What is looked at before specs are deployed, whoever brings them (a call, a push): what the cluster allows, the files that they name, and what
 * clashes with what runs. Refusals are OrcaErrors.
 */
import { MAX_PROBLEMS } from '../../shared/config/limits.js';
import { checkServiceSet } from '../../shared/config/service-set.js';
import { OrcaError } from '../../shared/errors.js';
import { foreignImage } from '../../shared/foreign-image.js';
import type { Rollout, Service } from '../../shared/model.js';
import { permit } from '../../shared/permit.js';
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import type { Store } from '../store/store.js';
import { beyond, type Holder, seesProject } from './access.js';
import { refuseForeignNames } from './foreign-names.js';
import type { Certificates, Settings } from './ports.js';

export interface SpecCheck {
  /** The spec as it is deployed. */
  usable(spec: ServiceSpec, holder: Holder): ServiceSpec;
  refuseClashes(specs: ServiceSpec[], holder: Holder): void;
  /** Both. */
  all(specs: ServiceSpec[], holder: Holder): ServiceSpec[];
}

export function createSpecCheck(
  store: Pick<Store, 'services' | 'activeRollout'>,
  certificates: Pick<Certificates, 'problemOf'>,
  settings: () => Pick<Settings, 'domain' | 'home' | 'security' | 'ownPorts' | 'imagesPrefix'>,
): SpecCheck {
  const usable: SpecCheck['usable'] = (spec, holder) => {
    const { domain, security, home, ownPorts, imagesPrefix } = settings();
    refuseOwnName(spec, domain);
    refuseForeignImage(spec, holder, imagesPrefix);
    // What it says of files of the master's host is for who may have them served.
    if (holder.role !== 'viewer') refuseBadFiles(spec, certificates, holder);
    return permit(spec, security, { home, ports: ownPorts });
  };
  return {
    usable,
    refuseClashes: (specs, holder) => refuseClashes(store, specs, holder),
    all(specs, holder) {
      const checked = specs.map((spec) => usable(spec, holder));
      refuseClashes(store, checked, holder);
      return checked;
    },
  };
}

/** Under the cluster's own name the API is served, and nothing else. */
function refuseOwnName({ name, domains }: ServiceSpec, ownName: string | null): void {
  if (ownName === null || !domains.includes(ownName)) return;
  throw new OrcaError(
    'ROUTE_TAKEN',
    `${name}: ${ownName} is the cluster's own domain, where its API is served`,
    {
      hint: 'Give the service another domain, or the cluster another `domain` in cluster.toml.',
    },
  );
}

/** Which project an image on the nodes is of, Docker does not ask. */
function refuseForeignImage(spec: ServiceSpec, holder: Holder, pushedBelow: string | null): void {
  if (holder.projects === null) return;
  const reason = foreignImage(spec, (project) => seesProject(holder, project), pushedBelow);
  if (reason !== null) throw beyond(holder, `${spec.name}: the image ${reason}`);
}

/** Files that are bad now; when they become so later, what was taken up stays and `orca certs` says why. */
function refuseBadFiles(
  spec: ServiceSpec,
  certificates: Pick<Certificates, 'problemOf'>,
  holder: Holder,
): void {
  const problem = certificates.problemOf(spec, holder.projects !== null);
  if (problem)
    throw new OrcaError('CONFIG_INVALID', `${spec.name}: ${problem.reason}`, {
      hint: `Nothing was changed: ${problem.todo}.`,
    });
}

/** Between the services of the call, and with those that run already. */
function refuseClashes(
  store: Pick<Store, 'services' | 'activeRollout'>,
  specs: ServiceSpec[],
  holder: Holder,
): void {
  const replaced = new Set(specs.map((spec) => serviceKey(spec.project, spec.name)));
  const inForce = (services: Service[]): ServiceSpec[] =>
    services.flatMap((service) => specsOf(service, store.activeRollout(service.key)));
  const there = store.services().filter((service) => service.desired !== 'removed');
  refuseForeignNames(holder, specs, inForce(there));
  const others = inForce(there.filter((service) => !replaced.has(service.key)));
  const problems = checkServiceSet([...others, ...specs], { complete: false, from: others.length }).filter(
    (p) => p.index >= others.length,
  );
  const lines = [
    ...new Set(problems.map(({ index, message }) => `${specs[index - others.length]?.name}: ${message}`)),
  ];
  if (problems.length === 0) return;
  lines.splice(MAX_PROBLEMS);
  const isRoute = problems.every(({ path }) => path[0] === 'domain' || path[0] === 'domains');
  throw new OrcaError(isRoute ? 'ROUTE_TAKEN' : 'CONFIG_INVALID', lines.join('\n'), { details: lines });
}

/** What is in force of a service, what comes into force next, and what comes back if that fails. */
function specsOf({ spec }: Service, open: Rollout | undefined): ServiceSpec[] {
  return [spec, ...(open ? [open.spec] : []), ...(open?.undo ? [open.undo.spec] : [])];
}
