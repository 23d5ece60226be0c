/** What is done with one service or one project as such: scale, start, stop, remove, history. */
import * as z from 'zod';
import { historyReplySchema } from '../../shared/api.js';
import { rebalanceReplySchema, rebalanceRequestSchema } from '../../shared/api-nodes.js';
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { projectOf } from './access.js';
import { namedService } from './named-service.js';
import type { Commands } from './ports.js';
import { asItStands, iso, rolloutSummary } from './rollout-view.js';
import { answer, flag, isSet, type Route, route, unset } from './route.js';

const inProject = z.object({ project: unset(z.string()) });
const ok = z.object({ ok: z.string() });

export function serviceRoutes(store: Store, commands: Commands): Route[] {
  const { keyOf, changes } = namedService(store);
  const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

  return [
    route('POST /services/:name/scale', {
      touches: changes,
      summary: 'Sets the number of replicas',
      body: z.object({ replicas: z.number().int().min(0).max(1_000) }),
      query: inProject,
      reply: z.object({ service: z.string(), replicas: z.number() }),
      run: (call) => {
        const key = keyOf(call);
        commands.scale(key, call.body.replicas);
        return answer({ service: nameOf(key), replicas: call.body.replicas });
      },
    }),
    route('POST /services/:name/stop', {
      touches: changes,
      summary: 'Stops it and keeps its configuration',
      query: inProject,
      reply: ok,
      run: (call) => {
        const key = keyOf(call);
        const isStopped = isStoppedAlready(store, key);
        commands.stop(key);
        return answer({ ok: `${nameOf(key)} is ${isStopped ? 'stopped already' : 'stopping'}` });
      },
    }),
    route('POST /services/:name/start', {
      touches: changes,
      summary: 'Starts it again',
      query: inProject,
      reply: ok,
      run: (call) => {
        const key = keyOf(call);
        commands.start(key);
        return answer({ ok: `${nameOf(key)} is starting` });
      },
    }),
    route('DELETE /services/:name', {
      touches: changes,
      summary: 'Stops it; with ?purge=true removes it',
      query: inProject.extend({ purge: flag }),
      reply: ok,
      run: (call) => {
        const key = keyOf(call);
        const isPurge = isSet(call.query.purge);
        if (isPurge) commands.remove(key);
        else commands.stop(key);
        return answer({ ok: `${nameOf(key)} is ${isPurge ? 'being removed' : 'stopping'}` });
      },
    }),
    route('DELETE /projects/:name', {
      touches: { what: 'projects', does: 'change', of: ({ params }) => [params.name ?? ''] },
      summary: 'Stops all services of a project',
      reply: z.object({ ok: z.string(), stopped: z.array(z.string()) }),
      run: ({ params }) => {
        const keys = store.serviceKeys().filter((key) => key.startsWith(`${params.name}/`));
        if (keys.length === 0) throw new OrcaError('NOT_FOUND', `there is no project "${params.name}"`);
        store.batch(() => {
          for (const key of keys) commands.stop(key);
        });
        return answer({ ok: `project ${params.name} is stopping`, stopped: keys.map(nameOf) });
      },
    }),
    route('POST /services/:name/rebalance', {
      touches: changes,
      summary: 'Spreads its copies evenly again, start-first',
      query: inProject,
      body: rebalanceRequestSchema,
      reply: rebalanceReplySchema,
      run: (call) => {
        const key = keyOf(call);
        const isDry = call.body.dry_run === true;
        const moves = commands
          .rebalance(key, isDry, call.actor.by)
          .map(({ allocation, from, to }) => ({ allocation: allocation.id, from, to }));
        return answer({ ok: rebalanced(nameOf(key), moves.length, isDry), moves });
      },
    }),
    route('GET /services/:name/history', {
      touches: { what: 'projects', does: 'read', of: (call) => [projectOf(keyOf(call))] },
      summary: 'Its kept releases and its rollouts, newest first',
      query: inProject,
      reply: historyReplySchema,
      run: (call) => answer(historyOf(store, keyOf(call))),
    }),
  ];
}

/** Asked to stop before, and nothing of it is left. */
function isStoppedAlready(store: Store, key: string): boolean {
  return store.service(key)?.desired === 'stopped' && store.allocations(key).length === 0;
}

function rebalanced(name: string, moves: number, isDry: boolean): string {
  if (moves === 0) return `${name} is spread evenly, or on its way there`;
  return `${moves} ${moves === 1 ? 'copy' : 'copies'} of ${name} ${isDry ? 'would move' : 'will move, one after the other'}`;
}

function historyOf(store: Store, key: string): z.output<typeof historyReplySchema> {
  const service = store.service(key) ?? null;
  const stable = service?.planned.stable ?? null;
  return {
    service: key.slice(key.indexOf('/') + 1),
    releases: store
      .releases(key)
      .reverse()
      .map((release) => ({
        release: `v${release.number}`,
        image: release.image.ref,
        digest: release.image.digest ?? release.image.id,
        created_at: iso(release.createdAtMs),
        stable: release.number === stable,
      })),
    rollouts: store
      .rollouts(key, 30)
      .map((rollout) => rolloutSummary(asItStands(rollout, store.activeRollout(key)), service)),
  };
}
