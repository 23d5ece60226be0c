/**
 * `/webhooks` with a token: add, list, remove, look at deliveries, repeat one, test. A webhook is named by its id, or by its service where
 * that has only one.
 */
import { z } from 'zod';
import {
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
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { KEPT_DELIVERIES } from '../store/put-delivery.js';
import type { Store } from '../store/store.js';
import { findService } from './find-service.js';
import type { Hooks } from './ports.js';
import { answer, type Route, route } from './route.js';
import { deliveryView, webhookView } from './webhook-view.js';

export function webhookRoutes(store: Store, hooks: Hooks): Route[] {
  const shown = (delivery: Delivery): DeliveryView =>
    deliveryView(delivery, delivery.rollout === null ? null : (store.rollout(delivery.rollout) ?? null));
  const viewOf = (webhook: Webhook) => {
    const [last] = store.deliveries(webhook.id, 1);
    return webhookView(webhook, hooks.place(webhook).url, last ? shown(last) : null);
  };
  /** Newest first, of every webhook that is meant. */
  const deliveriesOf = (named: string): DeliveryView[] =>
    webhooksNamed(store, named)
      .flatMap(({ id }) => store.deliveries(id, KEPT_DELIVERIES))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, KEPT_DELIVERIES)
      .map(shown);

  return [
    route('GET /webhooks', {
      summary: 'The webhooks, each with its last delivery',
      reply: webhooksReplySchema,
      run: () => answer({ webhooks: store.webhooks().map(viewOf) }),
    }),
    route('POST /webhooks', {
      summary: 'Has pushes to a repository deploy a service; the secret is in no other answer',
      body: addWebhookSchema,
      reply: webhookAddedSchema,
      run: ({ body, actor }) => {
        const service = findService(store, body.service_name);
        const { webhook, secret } = hooks.add(service, body, actor.by);
        return answer({ ...viewOf(webhook), secret, is_public: hooks.place(webhook).isPublic }, 201);
      },
    }),
    route('DELETE /webhooks/:id', {
      summary: 'Forgets a webhook, its secret and its deliveries',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        const { id, repo } = theOne(store, params.id ?? '');
        hooks.remove(id, actor.by);
        return answer({ ok: `the webhook ${id} of ${repo} is removed` });
      },
    }),
    route('GET /webhooks/:id/deliveries', {
      summary: 'Its kept deliveries, newest first, and what came of each',
      reply: deliveriesReplySchema,
      run: ({ params }) => answer({ deliveries: deliveriesOf(params.id ?? '') }),
    }),
    route('GET /webhooks/:id/invocations', {
      summary: 'The same, as clients of the Rust Orca ask for it',
      reply: invocationsReplySchema,
      run: ({ params }) => answer({ invocations: deliveriesOf(params.id ?? '') }),
    }),
    route('POST /webhooks/deliveries/:id/redeliver', {
      summary: 'Takes the push of a delivery once more',
      reply: redeliveredSchema,
      run: ({ params, actor }) => {
        const { id, service } = hooks.redeliver(params.id ?? '', actor.by);
        return answer({ ok: `${service} is to be deployed again, as ${id}`, delivery: id }, 202);
      },
    }),
    route('POST /webhooks/:id/test', {
      summary: 'Sends a signed ping to it through its public URL and says what came of that',
      reply: webhookTestSchema,
      run: async ({ params }) => answer(await hooks.test(theOne(store, params.id ?? ''))),
    }),
  ];
}

/** By id, else all of the service. Throws NOT_FOUND. */
function webhooksNamed(store: Store, named: string): Webhook[] {
  const byId = store.webhook(named);
  if (byId) return [byId];
  const found = store
    .webhooks()
    .filter(({ service }) => service === named || service.slice(service.indexOf('/') + 1) === named);
  if (found.length > 0) return found;
  throw new OrcaError('NOT_FOUND', `no webhook is called "${named}", and no service of that name has one`, {
    hint: 'See `orca webhooks` for those there are.',
  });
}

function theOne(store: Store, named: string): Webhook {
  const [first, ...more] = webhooksNamed(store, named);
  if (first && more.length === 0) return first;
  const ids = webhooksNamed(store, named).map(({ id }) => id);
  throw new OrcaError('CONFLICT', `"${named}" has ${ids.length} webhooks: ${ids.join(', ')}`, {
    hint: 'Name one of them by its id.',
  });
}
