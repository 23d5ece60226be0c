/**
 * `/webhooks` with a token: add, list, remove, look at deliveries, repeat one, test. A webhook is named by its id, or by its service where
 * that has only one.
 */
import * as z from 'zod';
import {
  type AddWebhook,
  addWebhookSchema,
  type DeliveryView,
  deliveriesReplySchema,
  invocationsReplySchema,
  redeliveredSchema,
  webhookAddedSchema,
  webhooksReplySchema,
  webhookTestSchema,
} from '../../shared/api-webhooks.js';
import { OrcaError } from '../../shared/errors.js';
import { isInfraKey } from '../../shared/infra.js';
import { secretKey } from '../../shared/secret-reference.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { KEPT_DELIVERIES } from '../store/put-delivery.js';
import type { Store } from '../store/store.js';
import { beyond, type Holder, ownPart, projectOf, projectsOfId } from './access.js';
import { findService } from './find-service.js';
import { seesService } from './own-part.js';
import type { Hooks } from './ports.js';
import { answer, type Call, type Route, route } from './route.js';
import { deliveryView, webhookView } from './webhook-view.js';

export function webhookRoutes(store: Store, hooks: Hooks): Route[] {
  const shown = (delivery: Delivery): DeliveryView =>
    deliveryView(
      delivery,
      delivery.rollout === null ? null : (store.rollout(delivery.rollout) ?? null),
      store.rollout,
    );
  const viewOf = (webhook: Webhook) => {
    const [last] = store.deliveries(webhook.id, 1);
    const previews = webhook.previews ? previewsOf(store, webhook) : [];
    const build = store.service(webhook.service)?.spec.build ?? null;
    return webhookView(webhook, hooks.place(webhook).url, last ? shown(last) : null, previews, build);
  };
  /** Newest first, of every webhook that is meant. */
  const deliveriesOf = ({ params, holder }: HookCall): DeliveryView[] =>
    webhooksNamed(store, params.id ?? '', holder)
      .flatMap(({ id }) => store.deliveries(id, KEPT_DELIVERIES))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, KEPT_DELIVERIES)
      .map(shown);
  /** Null: the repository names its services itself. */
  const serviceOf = ({ body, holder }: AddCall): string | null => {
    if (body.infra) return null;
    if (body.service_name !== undefined) return findService(store, body.service_name, null, holder);
    throw new OrcaError('BODY_INVALID', 'service_name is missing: say what the pushes deploy');
  };
  /** One that may deploy into any project is for who may do that. */
  const projectOfNew = (call: AddCall): string | null => {
    const service = serviceOf(call);
    return service === null ? null : projectOf(service);
  };
  const ofHook = {
    what: 'projects',
    of: ({ params, holder }: HookCall) =>
      webhooksNamed(store, params.id ?? '', holder).map(({ service }) => projectOf(service)),
  } as const;

  return [
    route('GET /webhooks', {
      touches: ownPart,
      summary: 'The webhooks, each with its last delivery',
      reply: webhooksReplySchema,
      run: ({ holder }) => {
        const seen = store.webhooks().filter(({ service }) => seesService(holder, service));
        return answer({ webhooks: seen.map(viewOf) });
      },
    }),
    route('POST /webhooks', {
      touches: { what: 'projects', does: 'change', of: (call) => [projectOfNew(call)] },
      summary: 'Has pushes to a repository deploy a service; the secret is in no other answer',
      body: addWebhookSchema,
      reply: webhookAddedSchema,
      run: (call) => {
        const { body, actor } = call;
        const { webhook, secret } = hooks.add(serviceOf(call), body, actor.by, call.holder.role === 'admin');
        const reply = { ...viewOf(webhook), secret, is_public: hooks.place(webhook).isPublic };
        return answer({ ...reply, unset_secrets: unsetSecrets(store, webhook) }, 201);
      },
    }),
    route('DELETE /webhooks/:id', {
      touches: { ...ofHook, does: 'change' },
      summary: 'Forgets a webhook, its secret and its deliveries',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor, holder }) => {
        const { id, repo } = theOne(store, params.id ?? '', holder);
        hooks.remove(id, actor.by);
        return answer({ ok: `the webhook ${id} of ${repo} is removed` });
      },
    }),
    route('GET /webhooks/:id/deliveries', {
      touches: { ...ofHook, does: 'read' },
      summary: 'Its kept deliveries, newest first, and what came of each',
      reply: deliveriesReplySchema,
      run: (call) => answer({ deliveries: deliveriesOf(call) }),
    }),
    route('GET /webhooks/:id/invocations', {
      touches: { ...ofHook, does: 'read' },
      summary: 'The same, as clients of the Rust Orca ask for it',
      reply: invocationsReplySchema,
      run: (call) => answer({ invocations: deliveriesOf(call) }),
    }),
    route('POST /webhooks/deliveries/:id/redeliver', {
      touches: {
        what: 'projects',
        does: 'change',
        of: ({ params, holder }) =>
          projectsOfId(holder, `delivery "${params.id}"`, store.delivery(params.id ?? '')?.service),
      },
      summary: 'Takes the push of a delivery once more',
      reply: redeliveredSchema,
      run: ({ params, actor }) => {
        const { id, service } = hooks.redeliver(params.id ?? '', actor.by);
        const what = isInfraKey(service) ? 'what the repository says' : service;
        return answer({ ok: `${what} is to be deployed again, as ${id}`, delivery: id }, 202);
      },
    }),
    route('POST /webhooks/:id/test', {
      touches: { ...ofHook, does: 'change' },
      summary: 'Sends a signed ping to it through its public URL and says what came of that',
      reply: webhookTestSchema,
      run: async ({ params, holder }) => answer(await hooks.test(theOne(store, params.id ?? '', holder))),
    }),
  ];
}

const previewsOf = (store: Store, { id }: Webhook): string[] =>
  store
    .services()
    .filter(({ spec, desired }) => spec.preview?.webhook === id && desired !== 'removed')
    .map(({ name }) => name);

/** They may be set later; until then what they are for does not work. */
function unsetSecrets(store: Store, { service, infra, report }: Webhook): string[] {
  const project = infra === undefined ? projectOf(service) : null;
  const names = [infra?.deployKey, infra?.token, report?.secret].flatMap((name) => name ?? []);
  const isSet = (name: string): boolean =>
    [secretKey(project, name), secretKey(null, name)].some((key) => store.secret(key) !== undefined);
  return [...new Set(names)]
    .filter((name) => !isSet(name))
    .map((name) => (project === null ? name : `${name} --project ${project}`));
}

type AddCall = { body: AddWebhook; holder: Holder };

type HookCall = Pick<Call<unknown, unknown>, 'params' | 'holder'>;

/** By id, else all of the service, of those that the caller sees. Throws NOT_FOUND. */
function webhooksNamed(store: Store, named: string, holder: Holder): Webhook[] {
  const seen = store.webhooks().filter(({ service }) => seesService(holder, service));
  const byId = seen.find(({ id }) => id === named);
  if (byId) return [byId];
  const found = seen.filter(
    ({ service }) => service === named || service.slice(service.indexOf('/') + 1) === named,
  );
  if (found.length > 0) return found;
  if (holder.projects !== null) throw beyond(holder, `it sees no webhook "${named}"`);
  throw new OrcaError('NOT_FOUND', `no webhook is called "${named}", and no service of that name has one`, {
    hint: 'See `orca webhooks` for those there are.',
  });
}

function theOne(store: Store, named: string, holder: Holder): Webhook {
  const [first, ...more] = webhooksNamed(store, named, holder);
  if (first && more.length === 0) return first;
  const ids = [first, ...more].flatMap((one) => one?.id ?? []);
  throw new OrcaError('CONFLICT', `"${named}" has ${ids.length} webhooks: ${ids.join(', ')}`, {
    hint: 'Name one of them by its id.',
  });
}
