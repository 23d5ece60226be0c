/** Webhooks and deliveries as the API shows them: never a secret. PURE. */
import type { DeliveryView, WebhookView } from '../../shared/api-webhooks.js';
import { forSource } from '../../shared/for-source.js';
import { type InfraOutcome, type InfraSource, isInfraKey } from '../../shared/infra.js';
import type { Rollout } from '../../shared/model.js';
import type { BuildSpec } from '../../shared/spec.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { iso } from './rollout-view.js';

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);
const projectOf = (key: string): string => key.slice(0, key.indexOf('/'));

/** `last` is its newest delivery, `previews`: the names of those that are there, `build`: how its service is built. */
export function webhookView(
  webhook: Webhook,
  url: string,
  last: DeliveryView | null,
  previews: string[] = [],
  build: BuildSpec | null = null,
): WebhookView {
  const { id, provider, repo, service, branch, tag, paths, imageTag, infra } = webhook;
  const name = infra ? '*' : nameOf(service);
  return {
    ...{ id, provider, repo, service_name: name, project: projectOf(service), branch, tag, paths },
    counts: countsOf(forSource(webhook, build)),
    ...{ image_tag: imageTag, has_secret: true, infra: infra !== undefined, url },
    infra_source: infra ? sourceView(infra) : null,
    ...{ status_secret: webhook.report?.secret ?? null, status_api: webhook.report?.api ?? null },
    preview: previewView(webhook, previews),
    last_invocation: last?.received_at ?? null,
    last_delivery: last,
    created_by: webhook.by,
    created_at: iso(webhook.createdAtMs),
  };
}

/** Paths are of branches alone. */
const countsOf = ({ branch, tag, paths }: Webhook): WebhookView['counts'] => ({
  branch,
  paths: branch === null && tag !== null ? [] : paths,
});

function previewView({ previews: rules }: Webhook, services: string[]): WebhookView['preview'] {
  if (!rules) return null;
  return { limit: rules.limit, ttl_secs: Math.round(rules.ttlMs / 1_000), forks: rules.forks, services };
}

/** While its rollout is under way, that says what it waits for. */
export function deliveryView(
  delivery: Delivery,
  rollout: Rollout | null,
  rolloutOf: (id: string) => Rollout | undefined = () => undefined,
): DeliveryView {
  const { id, webhook, service, state, push, pull, remoteId } = delivery;
  return {
    ...{ id, webhook, service: isInfraKey(service) ? '*' : nameOf(service), state },
    infra: delivery.infra ? infraView(delivery.infra, rolloutOf) : null,
    reason: state === 'deploying' && !isInfraKey(service) ? (rollout?.reason ?? null) : delivery.reason,
    ...{ event: push.event, ref: push.ref, commit: push.commit, author: push.author, message: push.message },
    ...{ paths: push.paths, path_count: push.pathCount, image_tag: push.imageTag },
    pull: pull ? { number: pull.number, action: pull.action, fork: pull.isFork } : null,
    ...{ rollout: delivery.rollout, remote_id: remoteId, redelivery_of: delivery.redeliveryOf },
    commit_status: delivery.report ? { told: delivery.report.told, problem: delivery.report.problem } : null,
    received_at: iso(delivery.receivedAtMs),
    ended_at: delivery.endedAtMs === null ? null : iso(delivery.endedAtMs),
  };
}

const sourceView = ({ url, paths, prune, deployKey, token, insecureHttp }: InfraSource) => ({
  ...{ url, paths, prune, deploy_key: deployKey, token_secret: token, insecure_http: insecureHttp },
});

function infraView(
  { commit, services, stopped, gone, isPruned }: InfraOutcome,
  rolloutOf: (id: string) => Rollout | undefined,
): DeliveryView['infra'] {
  return {
    ...{ commit, stopped, gone, is_pruned: isPruned },
    services: services.map(({ service, change, rollout }) => {
      const found = rollout === null ? undefined : rolloutOf(rollout);
      const reason = found?.failure?.message ?? found?.reason ?? null;
      return { service, change, rollout, state: found?.state ?? null, reason };
    }),
  };
}
