/** `POST /deploy` and `POST /plan`. All services of a call are checked before anything is written: all or nothing. */
import { z } from 'zod';
import { type DeployReply, deployReplySchema, planReplySchema, refusedPlan } from '../../shared/api.js';
import { parseServiceBody } from '../../shared/config/service.js';
import { checkServiceSet } from '../../shared/config/service-set.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import type { Rollout, Service } from '../../shared/model.js';
import { permit } from '../../shared/permit.js';
import { type ServiceSpec, serviceKey } from '../../shared/spec.js';
import type { Store } from '../store/store.js';
import type { Holder } from './access.js';
import { rolloutsEnd } from './follow.js';
import type { Certificates, Commands, Settings } from './ports.js';
import { waitsForPromote } from './rollout-view.js';
import { type Answer, answer, type Route, route, unset } from './route.js';

/** More at once would hold up everybody else while they are read. */
const MAX_SERVICES = 1_000;
/** So much of what is wrong is said; the services behind it are not read. */
const MAX_PROBLEMS = 50;
const deployBody = z.object({
  services: z.array(z.unknown()).min(1).max(MAX_SERVICES),
  project: unset(z.string()),
});

export function deployRoutes(
  store: Store,
  commands: Commands,
  certificates: Pick<Certificates, 'problemOf'>,
  settings: () => Pick<Settings, 'domain' | 'home' | 'security'>,
): Route[] {
  /** The spec as it is deployed. */
  const usable = (spec: ServiceSpec, holder: Holder): ServiceSpec => {
    const { domain, security, home } = settings();
    refuseOwnName(spec, domain);
    // What it says of files of the master's host is for who may have them served.
    if (holder.role !== 'viewer') refuseBadFiles(spec, certificates, holder);
    return permit(spec, security, home);
  };
  return [
    route('POST /deploy', {
      touches: { what: 'projects', does: 'change', of: ({ body }) => projectsOf(body) },
      summary: 'Begins a rollout for each service; answers at once, or when they have ended with ?wait=5m',
      body: deployBody,
      query: z.object({ wait: unset(z.string()) }),
      reply: deployReplySchema,
      run: async ({ body, query, actor, holder, signal }) => {
        const waitMs = query.wait === undefined ? null : readWait(query.wait);
        const specs = readSpecs(body).map((spec) => usable(spec, holder));
        refuseClashes(store, specs);
        const rollouts = commands.deploy(specs, actor);
        const accepted = { deployed: specs.map((spec) => spec.name), errors: [], rollouts };
        return waitMs === null ? answer(accepted) : outcome(store, rollouts, Date.now() + waitMs, signal);
      },
    }),
    route('POST /plan', {
      touches: { what: 'projects', does: 'read', of: ({ body }) => projectsOf(body) },
      summary: 'What a deploy of these services would change, and in which steps; changes nothing',
      body: deployBody,
      reply: planReplySchema,
      run: ({ body, holder }) => {
        const specs = readSpecs(body);
        const isUsable = (spec: ServiceSpec) => usable(spec, holder);
        refuseClashes(store, specs);
        return answer({ services: specs.map((spec) => planOne(commands, spec, isUsable)) });
      },
    }),
  ];
}

function planOne(commands: Commands, spec: ServiceSpec, usable: (spec: ServiceSpec) => ServiceSpec): unknown {
  try {
    return commands.plan([usable(spec)])[0];
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
    return refusedPlan(spec.name, error);
  }
}

function readWait(text: string): number {
  const waitMs = parseDuration(text);
  if (waitMs === null) throw new OrcaError('BODY_INVALID', `wait: "${text}" is not a duration such as 5m`);
  return waitMs;
}

const projectsOf = (body: z.output<typeof deployBody>): string[] =>
  readSpecs(body).map(({ project }) => project);

/** Every service parsed, or one CONFIG_INVALID that lists what is wrong with all of them. */
function readSpecs(body: z.output<typeof deployBody>): ServiceSpec[] {
  const problems: OrcaError[] = [];
  let said = 0;
  const specs = body.services.flatMap((value, index) => {
    if (said >= MAX_PROBLEMS) return [];
    const name = (value as { name?: unknown } | null)?.name;
    const where = `services[${index}]${typeof name === 'string' ? ` "${name}"` : ''}`;
    try {
      return [parseServiceBody(value, where, body.project)];
    } catch (error) {
      if (!(error instanceof OrcaError)) throw error;
      problems.push(error);
      said += (error.details as { problems?: unknown[] } | null)?.problems?.length ?? 1;
      return [];
    }
  });
  if (problems[0] === undefined) return specs;
  if (problems.length === 1) throw problems[0];
  throw new OrcaError('CONFIG_INVALID', problems.map((problem) => problem.message).join('\n'), {
    details: problems.flatMap((problem) => problem.details),
  });
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
function refuseClashes(store: Store, specs: ServiceSpec[]): void {
  const replaced = new Set(specs.map((spec) => serviceKey(spec.project, spec.name)));
  const others = store
    .services()
    .filter((service) => !replaced.has(service.key) && service.desired !== 'removed')
    .flatMap((service) => specsOf(service, store.activeRollout(service.key)));
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

/** 200 when all went, 206 some, 500 none; a rollout still open at the deadline is an error of its own. */
async function outcome(
  store: Store,
  rollouts: DeployReply['rollouts'],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  await rolloutsEnd(
    store,
    rollouts.flatMap(({ id }) => id ?? []),
    deadlineMs,
    signal,
  );
  const errors = rollouts.flatMap(({ service, id }) => {
    const error = id === null ? null : failureOf(store, id);
    return error ? [{ service, error: error.message, code: error.code, hint: error.hint }] : [];
  });
  const failed = new Set(errors.map(({ service }) => service));
  const deployed = rollouts.map(({ service }) => service).filter((service) => !failed.has(service));
  const status = errors.length === 0 ? 200 : deployed.length > 0 ? 206 : 500;
  return answer({ deployed, errors, rollouts }, status);
}

function failureOf(store: Store, id: string): OrcaError | null {
  const rollout = store.rollout(id);
  const service = rollout && store.service(rollout.service);
  if (!rollout || rollout.state === 'succeeded') return null;
  if (service && waitsForPromote(rollout, service)) return null;
  if (rollout.endedAtMs === null)
    return new OrcaError('TIMEOUT', `not done yet: ${rollout.reason ?? 'it goes on'}`);
  if (rollout.state === 'superseded')
    return new OrcaError('CONFLICT', rollout.reason ?? 'a newer change took its place');
  return new OrcaError('ROLLOUT_FAILED', rollout.failure?.message ?? rollout.reason ?? 'the rollout failed');
}
