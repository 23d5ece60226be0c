/**
 * What users do to the rollouts of one service: rollback, redeploy, promote, pause and resume; and maintenance, which
 * holds its traffic. With ?dry_run=true promote and rollback only say what they would do, or why they would refuse.
 */
import * as z from 'zod';
import { planReplySchema, refusedPlan } from '../../shared/api.js';
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { untilServed } from './follow.js';
import { namedService } from './named-service.js';
import type { Commands } from './ports.js';
import { type Answer, answer, flag, isSet, type Route, route, unset } from './route.js';

const inProject = z.object({ project: unset(z.string()) });
const dryRun = inProject.extend({ dry_run: flag });
const ok = z.object({ ok: z.string() });
const begun = ok.extend({ rollout: z.string().nullable() });
/** `in_force`: every connected ingress has it. */
const changed = ok.extend({ in_force: z.boolean() });
const begunOrPlan = z.union([begun, planReplySchema]);
const weight = z.number().int().min(0).max(100);
const MAX_MESSAGE = 1_000;
const message = z.string().trim().max(MAX_MESSAGE);
const MAINTENANCE = 'This service is being worked on and will be back soon.';

export function rolloutRoutes(store: Store, commands: Commands): Route[] {
  const { keyOf, changes } = namedService(store);

  return [
    route('POST /services/:name/rollback', {
      touches: changes,
      summary: 'Takes a canary away; without one, back to the release before, or to the one named',
      body: z.object({ to: unset(z.union([z.string(), z.number()])) }),
      query: dryRun,
      reply: begunOrPlan,
      run: (call) => {
        const key = keyOf(call);
        const to = readVersion(call.body.to);
        if (isSet(call.query.dry_run)) return planned(key, () => commands.planRollback(key, to));
        const rollout = commands.rollback(key, to, call.actor);
        const done = rollout ? 'rollback begun' : 'that release is what runs; nothing to do';
        return answer({ ok: `${nameOf(key)}: ${done}`, rollout });
      },
    }),
    route('POST /services/:name/promote', {
      touches: changes,
      summary: 'Makes the canary stable; with a weight only moves its share of the traffic',
      body: z.object({ weight: unset(weight) }),
      query: dryRun,
      reply: begunOrPlan,
      run: (call) => {
        const key = keyOf(call);
        const to = call.body.weight ?? null;
        if (isSet(call.query.dry_run)) return planned(key, () => commands.planPromote(key, to));
        const rollout = commands.promote(key, to, call.actor);
        const done = to === null ? 'promote begun' : `the canary is to get ${to} %`;
        return answer({ ok: `${nameOf(key)}: ${done}`, rollout });
      },
    }),
    route('POST /services/:name/redeploy', {
      touches: changes,
      summary: 'Pulls the image again and rolls',
      query: inProject,
      reply: begun,
      run: (call) => {
        const key = keyOf(call);
        return answer({ ok: `${nameOf(key)}: redeploy begun`, rollout: commands.redeploy(key, call.actor) });
      },
    }),
    ...(['pause', 'resume'] as const).map((verb) =>
      route(`POST /services/:name/${verb}`, {
        touches: changes,
        summary: verb === 'pause' ? 'Holds the rollout that is under way' : 'Lets a held rollout go on',
        query: inProject,
        reply: ok,
        run: (call) => {
          const key = keyOf(call);
          commands[verb](key, call.actor);
          return answer({ ok: `${nameOf(key)}: the rollout ${verb === 'pause' ? 'is held' : 'goes on'}` });
        },
      }),
    ),
    route('POST /services/:name/maintenance', {
      touches: changes,
      summary: 'Answers 503 with a page and keeps the containers, or ends that',
      body: z.object({ on: z.boolean(), message: unset(message) }),
      query: inProject,
      reply: changed,
      run: async (call) => {
        const key = keyOf(call);
        const { on, message } = call.body;
        const before = store.service(key)?.maintenance?.message;
        commands.maintenance(key, on ? message || before || MAINTENANCE : null, call.actor);
        const reason = await untilServed(store, key, () => commands.unserved(key), call.signal);
        const is = reason === null ? 'is' : 'is to be';
        const why = reason === null ? '' : `: ${reason}`;
        const done = `${nameOf(key)}: maintenance ${is} ${on ? 'on' : 'off'}${why}`;
        return answer({ ok: done, in_force: reason === null });
      },
    }),
  ];
}

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/** A refusal is an answer to "what would happen" too. */
function planned(key: string, plan: () => ReturnType<Commands['planPromote']>): Answer {
  try {
    return answer({ services: [plan()] });
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
    return answer({ services: [refusedPlan(nameOf(key), error)] });
  }
}

/** `v3`, `"3"` or 3; null for the one before. */
function readVersion(to: string | number | undefined): number | null {
  if (to === undefined) return null;
  const number = Number(String(to).replace(/^v/, ''));
  if (!Number.isInteger(number) || number < 1)
    throw new OrcaError('BODY_INVALID', `to: "${to}" is not a release such as v3`);
  return number;
}
