/** What is asked of the cluster as a whole: health, status, rollouts, events, reload. */
import { z } from 'zod';
import {
  clusterInfoSchema,
  eventSchema,
  healthSchema,
  rolloutFrameSchema,
  statusReplySchema,
} from '../../shared/api.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { ClusterEvent } from '../../shared/model.js';
import type { Store } from '../store/store.js';
import { KEPT_EVENTS } from '../store/transaction.js';
import { ofCluster, ownPart, projectsOfId } from './access.js';
import { followEvents, followRollout } from './follow.js';
import { nodeFor, seesService, statusFor } from './own-part.js';
import type { Settings } from './ports.js';
import { type Answer, answer, type Call, flag, isSet, type Route, route, unset } from './route.js';
import { eventView, type Views } from './views.js';

const ok = z.object({ ok: z.string() });

/** Why new requests are refused, or nothing at all can be stored; null: neither. */
function storeProblem(store: Store): string | null {
  try {
    store.requireRoom();
    return store.problem();
  } catch (error) {
    return store.problem() ?? messageOf(error);
  }
}

export interface ClusterRoutesOptions {
  store: Store;
  views: Views;
  settings: () => Settings;
  /** Reads cluster.toml again; throws CONFIG_INVALID and keeps what runs. Says what it did. */
  reload(): Promise<string>;
}

export function clusterRoutes({ store, views, settings, reload }: ClusterRoutesOptions): Route[] {
  const followed = (id: string, signal: AbortSignal): Answer => ({
    kind: 'lines',
    lines: followRollout(store, views, foundRollout(views, id).rollout.id, signal),
  });
  const ofRollout = {
    what: 'projects',
    does: 'read',
    of: ({ params, holder }: Pick<Call<unknown, unknown>, 'params' | 'holder'>) =>
      projectsOfId(holder, `rollout "${params.id}"`, store.rollout(params.id ?? '')?.service),
  } as const;
  return [
    route('GET /health', {
      summary: 'Says that the master answers, and why it can store nothing now; needs no token',
      touches: { what: 'open', who: () => ({ kind: 'nobody', by: 'nobody' }), told: 'none' },
      reply: healthSchema,
      run: () => {
        const reason = storeProblem(store);
        return answer({ status: reason === null ? 'ok' : 'degraded', reason, version: settings().version });
      },
    }),
    route('GET /status', {
      touches: ownPart,
      summary:
        'Services, nodes and certificates as they were observed; of an unknown project there are no services',
      query: z.object({ project: unset(z.string()) }),
      reply: statusReplySchema,
      run: ({ query, holder }) => answer(statusFor(holder, views.status(query.project ?? null))),
    }),
    route('GET /rollouts/:id', {
      touches: ofRollout,
      summary: 'A rollout with its service; a line for each change with ?follow=true',
      query: z.object({ follow: flag }),
      reply: rolloutFrameSchema,
      run: ({ params, query, signal }) =>
        isSet(query.follow)
          ? followed(params.id ?? '', signal)
          : answer(foundRollout(views, params.id ?? '')),
    }),
    route('GET /rollouts/:id/events', {
      touches: ofRollout,
      summary: 'The same as ?follow=true',
      reply: rolloutFrameSchema,
      run: ({ params, signal }) => followed(params.id ?? '', signal),
    }),
    route('GET /events', {
      touches: ownPart,
      summary: 'What happened, oldest first; goes on with ?follow=true',
      query: z.object({ follow: flag, limit: unset(z.coerce.number().int().min(1).max(1_000)) }),
      reply: z.object({ events: z.array(eventSchema) }),
      run: ({ query, signal, holder }) => {
        const sees = ({ service }: Pick<ClusterEvent, 'service'>): boolean => seesService(holder, service);
        const limit = query.limit ?? 100;
        const events = store
          .events(holder.projects === null ? limit : KEPT_EVENTS)
          .filter(sees)
          .slice(-limit);
        if (!isSet(query.follow)) return answer({ events: events.map(eventView) });
        const after = (events[0]?.number ?? store.events(1)[0]?.number ?? 0) - 1;
        return { kind: 'lines', lines: followEvents(store, { after, sees }, signal) };
      },
    }),
    route('GET /cluster/info', {
      touches: ownPart,
      summary: 'The cluster and its nodes',
      reply: clusterInfoSchema,
      run: ({ holder }) => {
        const { cluster_id, cluster_name, domain, acme_email, version } = settings();
        const nodes = views.nodes().map((node) => nodeFor(holder, node));
        const node_count = nodes.length;
        return answer({ cluster_id, cluster_name, domain, acme_email, version, node_count, nodes });
      },
    }),
    route('POST /reload', {
      touches: ofCluster('change', 'the configuration of the cluster'),
      summary: 'Reads cluster.toml again; a bad file is refused and what runs stays',
      reply: ok,
      run: async () => answer({ ok: await reload() }),
    }),
  ];
}

function foundRollout(views: Views, id: string) {
  const frame = views.rollout(id);
  if (!frame) throw new OrcaError('ROLLOUT_NOT_FOUND', `there is no rollout "${id}"`);
  return frame;
}
