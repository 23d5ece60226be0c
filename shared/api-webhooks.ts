/** Bodies of `/webhooks`: what is asked and answered with a token. `service_name`, `infra` and `last_invocation` are words of the Rust Orca. */
import * as z from 'zod';
import { providers } from './webhook.js';

const unset = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => value ?? undefined, schema.optional());

/** `POST /webhooks`. */
export const addWebhookSchema = z.object({
  repo: z.string().max(512),
  /** Not of an infrastructure repository. */
  service_name: unset(z.string().max(200)),
  /** Printable ASCII; made when it is not given. Whoever guesses it deploys. */
  secret: unset(
    z.string().regex(/^[!-~][ -~]{14,510}[!-~]$/, 'must be 16 to 512 printable ASCII characters'),
  ),
  branch: unset(z.string().min(1).max(255)),
  paths: unset(z.array(z.string()).max(32)),
  tag: unset(z.string()),
  provider: unset(z.enum(providers)),
  image_tag: unset(z.string()),
  /** The secret, of the service's project or of all, that holds a token which may set commit statuses. */
  status_secret: unset(z.string().max(200)),
  /** Where the provider's API is; known of github.com and gitlab.com. */
  status_api: unset(z.string().max(512)),
  infra: unset(z.union([z.boolean(), z.string()])),
  /** Pull requests get copies of the service. */
  preview: unset(z.boolean()),
  /** So many at once; 5. */
  preview_limit: unset(z.number().int()),
  /** How long after its last push one goes; `7d`. */
  preview_ttl: unset(z.string().max(40)),
  /** Also those of other repositories. */
  preview_forks: unset(z.boolean()),
  /** With `infra`: what is no longer in the repository is removed, if this webhook deployed it. */
  prune: unset(z.boolean()),
  /** With `infra`: globs of the files. */
  infra_paths: unset(z.array(z.string().max(256)).min(1).max(16)),
  /** With `infra`: the secrets, of all projects, that hold the deploy key or the token of the repository. */
  deploy_key: unset(z.string().max(200)),
  token_secret: unset(z.string().max(200)),
  insecure_http: unset(z.boolean()),
});
export type AddWebhook = z.output<typeof addWebhookSchema>;

export const deliveryViewSchema = z.object({
  id: z.string(),
  webhook: z.string(),
  service: z.string(),
  state: z.enum(['waiting', 'deploying', 'deployed', 'failed', 'superseded', 'removed', 'skipped']),
  /** Why it waits, was skipped, failed or was superseded. */
  reason: z.string().nullable(),
  event: z.string(),
  ref: z.string().nullable(),
  commit: z.string().nullable(),
  author: z.string().nullable(),
  message: z.string().nullable(),
  /** The first of them. */
  paths: z.array(z.string()),
  /** Null: not known. */
  path_count: z.number().nullable(),
  image_tag: z.string().nullable(),
  /** Null: it is about no pull request. */
  pull: z
    .object({ number: z.number(), action: z.enum(['update', 'close', 'none']), fork: z.boolean() })
    .nullable(),
  rollout: z.string().nullable(),
  remote_id: z.string().nullable(),
  redelivery_of: z.string().nullable(),
  /** What the commit was told at its provider; null: it is told nothing. */
  /** Of a push to an infrastructure repository; null: it has not begun, or is of one service. */
  infra: z
    .object({
      commit: z.string().nullable(),
      services: z.array(
        z.object({
          service: z.string(),
          change: z.string(),
          rollout: z.string().nullable(),
          /** Of its rollout; null: there is nothing to do, or it is no longer known. */
          state: z.string().nullable(),
          reason: z.string().nullable(),
        }),
      ),
      /** Stopped, which no push starts. */
      stopped: z.array(z.string()),
      /** No longer in the repository. */
      gone: z.array(z.string()),
      is_pruned: z.boolean(),
    })
    .nullable(),
  commit_status: z
    .object({
      /** Null: nothing yet. */
      told: z.enum(['pending', 'success', 'failure', 'error']).nullable(),
      /** Why it could not be told the last time. */
      problem: z.string().nullable(),
    })
    .nullable(),
  received_at: z.string(),
  ended_at: z.string().nullable(),
});
export type DeliveryView = z.infer<typeof deliveryViewSchema>;

export const webhookViewSchema = z.object({
  id: z.string(),
  provider: z.enum(providers),
  repo: z.string(),
  service_name: z.string(),
  project: z.string(),
  branch: z.string().nullable(),
  tag: z.string().nullable(),
  paths: z.array(z.string()),
  /** What counts: that, or what `[service.build]` of its service says. `branch` null: the repository's default branch, or tags alone. */
  counts: z.object({ branch: z.string().nullable(), paths: z.array(z.string()) }),
  image_tag: z.string().nullable(),
  has_secret: z.literal(true),
  /** The name of the secret whose token sets commit statuses, and where; null: they are not set. */
  status_secret: z.string().nullable(),
  status_api: z.string().nullable(),
  /** Null: pull requests make nothing. */
  preview: z
    .object({
      limit: z.number(),
      ttl_secs: z.number(),
      forks: z.boolean(),
      /** The previews there are. */
      services: z.array(z.string()),
    })
    .nullable(),
  infra: z.boolean(),
  /** Of an infrastructure repository; null: the webhook is of one service. */
  infra_source: z
    .object({
      url: z.string(),
      paths: z.array(z.string()),
      prune: z.boolean(),
      deploy_key: z.string().nullable(),
      token_secret: z.string().nullable(),
      insecure_http: z.boolean(),
    })
    .nullable(),
  /** What to give the provider. */
  url: z.string(),
  /** When it was last called, ISO. */
  last_invocation: z.string().nullable(),
  last_delivery: deliveryViewSchema.nullable(),
  created_by: z.string(),
  created_at: z.string(),
});
export type WebhookView = z.infer<typeof webhookViewSchema>;

export const webhooksReplySchema = z.object({ webhooks: z.array(webhookViewSchema) });
export type WebhooksReply = z.infer<typeof webhooksReplySchema>;

export const webhookAddedSchema = webhookViewSchema.extend({
  /** The only time that it is shown; null: it was given. */
  secret: z.string().nullable(),
  /** Whether the URL has a certificate that providers trust. */
  is_public: z.boolean(),
  /** Secrets that it names and that are not set yet, as `orca secrets set` takes them. */
  unset_secrets: z.array(z.string()),
});
export type WebhookAdded = z.infer<typeof webhookAddedSchema>;

export const deliveriesReplySchema = z.object({ deliveries: z.array(deliveryViewSchema) });
export type DeliveriesReply = z.infer<typeof deliveriesReplySchema>;
export const invocationsReplySchema = z.object({ invocations: z.array(deliveryViewSchema) });
export const redeliveredSchema = z.object({ ok: z.string(), delivery: z.string() });
export type Redelivered = z.infer<typeof redeliveredSchema>;

/** What a provider is answered. */
export const receivedSchema = z.object({
  ok: z.string(),
  /** Of the first. */
  delivery: z.string().nullable(),
  /** Taken in before: nothing more comes of it. */
  duplicate: z.boolean(),
  deliveries: z.array(
    z.object({
      delivery: z.string(),
      service: z.string(),
      state: z.string(),
      reason: z.string().nullable(),
      duplicate: z.boolean(),
    }),
  ),
});

/** `POST /webhooks/:id/test`: a signed ping by way of the public URL, as seen from the master's host. */
export const webhookTestSchema = z.object({
  url: z.string(),
  reachable: z.boolean(),
  /** The answer's; null: there was none. */
  status: z.number().nullable(),
  /** `public`: of a CA that providers trust; `cluster`: they have to be told not to verify it; null: no TLS came about. */
  certificate: z.enum(['public', 'cluster']).nullable(),
  message: z.string(),
  took_ms: z.number(),
});
export type WebhookTest = z.infer<typeof webhookTestSchema>;
