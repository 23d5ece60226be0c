/** `POST /deploy` and `POST /plan`. All services of a call are checked before anything is written: all or nothing. */
import * as z from 'zod';
import { type DeployReply, deployReplySchema, planReplySchema, refusedPlan } from '../../shared/api.js';
import { MAX_PROBLEMS } from '../../shared/config/limits.js';
import { parseServiceBody } from '../../shared/config/service.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Store } from '../store/store.js';
import { createSpecCheck } from './check-specs.js';
import { rolloutsEnd } from './follow.js';
import { managedNotes } from './managed-notes.js';
import type { Certificates, Commands, Settings } from './ports.js';
import { waitsForPromote } from './rollout-view.js';
import { type Answer, answer, type Route, route, unset } from './route.js';

/** More at once would hold up everybody else while they are read. */
const MAX_SERVICES = 1_000;
const deployBody = z.object({
  services: z.array(z.unknown()).min(1).max(MAX_SERVICES),
  project: unset(z.string()),
});

export function deployRoutes(
  store: Store,
  commands: Commands,
  certificates: Pick<Certificates, 'problemOf'>,
  settings: () => Pick<Settings, 'domain' | 'home' | 'security' | 'ownPorts' | 'imagesPrefix'>,
): Route[] {
  const { usable, refuseClashes, all } = createSpecCheck(store, certificates, settings);
  return [
    route('POST /deploy', {
      touches: { what: 'projects', does: 'change', of: ({ body }) => projectsOf(body) },
      summary: 'Begins a rollout for each service; answers at once, or when they have ended with ?wait=5m',
      body: deployBody,
      query: z.object({ wait: unset(z.string()) }),
      reply: deployReplySchema,
      run: async ({ body, query, actor, holder, signal, whileGood }) => {
        const waitMs = query.wait === undefined ? null : readWait(query.wait);
        const specs = all(readSpecs(body), holder);
        const rollouts = commands.deploy(specs, actor);
        const said = managedNotes(store, specs);
        const notes = said.length === 0 ? {} : { notes: said };
        const accepted = { deployed: specs.map((spec) => spec.name), errors: [], rollouts, ...notes };
        if (waitMs === null) return answer(accepted);
        const deadlineMs = Date.now() + waitMs;
        const ids = rollouts.flatMap(({ id }) => id ?? []);
        await whileGood(() => rolloutsEnd(store, ids, deadlineMs, signal));
        return outcome(store, { rollouts, ...notes });
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
        refuseClashes(specs, holder);
        const plan: Commands['plan'] = (all) => commands.plan(all, holder.role === 'viewer');
        return answer({ services: specs.map((spec) => planOne(plan, spec, isUsable)) });
      },
    }),
  ];
}

function planOne(
  plan: Commands['plan'],
  spec: ServiceSpec,
  usable: (spec: ServiceSpec) => ServiceSpec,
): unknown {
  try {
    return plan([usable(spec)])[0];
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

/** 200 when all went, 206 some, 500 none; a rollout still open at the deadline is an error of its own. */
function outcome(store: Store, { rollouts, ...notes }: Pick<DeployReply, 'rollouts' | 'notes'>): Answer {
  const errors = rollouts.flatMap(({ service, id }) => {
    const error = id === null ? null : failureOf(store, id);
    return error ? [{ service, error: error.message, code: error.code, hint: error.hint }] : [];
  });
  const failed = new Set(errors.map(({ service }) => service));
  const deployed = rollouts.map(({ service }) => service).filter((service) => !failed.has(service));
  const status = errors.length === 0 ? 200 : deployed.length > 0 ? 206 : 500;
  return answer({ deployed, errors, rollouts, ...notes }, status);
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
