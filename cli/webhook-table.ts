/** Webhooks and deliveries as tables. */
import type { DeliveryView, WebhookView } from '../shared/api-webhooks.js';
import type { Output } from './output.js';
import { since } from './time.js';

export function webhookTable(output: Output, webhooks: readonly WebhookView[], nowMs: number): void {
  output.table(
    ['ID', 'REPOSITORY', 'SERVICE', 'DEPLOYS', 'LAST', 'RESULT'],
    webhooks.map((webhook) => [
      webhook.id,
      webhook.provider === 'github' ? webhook.repo : `${webhook.repo} (${webhook.provider})`,
      infraFiles(webhook) ?? webhook.service_name,
      meant(webhook),
      webhook.last_invocation === null ? '–' : `${since(webhook.last_invocation, nowMs)} ago`,
      webhook.last_delivery === null ? '–' : result(webhook.last_delivery),
    ]),
  );
}

export function deliveryTable(output: Output, deliveries: readonly DeliveryView[], nowMs: number): void {
  output.table(
    ['ID', 'AGE', 'WHAT', 'COMMIT', 'BY', 'RESULT'],
    deliveries.map((one) => [
      one.id,
      since(one.received_at, nowMs),
      one.pull ? `#${one.pull.number} ${verbs[one.pull.action]}` : refOf(one),
      one.commit?.slice(0, 7) ?? one.image_tag ?? '–',
      one.author ?? '–',
      result(one),
    ]),
  );
}

const refOf = ({ ref, event }: DeliveryView): string => ref?.replace(/^refs\/(heads\/)?/, '') ?? event;

const verbs = { update: 'push', close: 'closed', none: 'other' } as const;

/** Which files of an infrastructure repository count; null: the webhook is of one service. */
export function infraFiles({ infra_source: infra }: WebhookView): string | null {
  if (infra === null) return null;
  const [first = '', ...more] = infra.paths;
  return more.length === 0 ? first : `${first}…`;
}

/** Which pushes it is for. Masters before that say only what the webhook itself names. */
function meant(webhook: WebhookView): string {
  const { provider, branch: named, paths: given, tag, preview, infra_source: infra } = webhook;
  const { counts = { branch: named, paths: given } } = webhook as Partial<WebhookView>;
  const any = provider === 'generic' ? 'every call' : 'default branch';
  const branch = counts.branch ?? (tag === null ? any : null);
  const paths = counts.paths.length === 0 ? '' : ` (${counts.paths.join(', ')})`;
  const what = [...(branch === null ? [] : [`${branch}${paths}`]), ...(tag === null ? [] : [`tags ${tag}`])];
  const also = [
    ...(infra?.prune ? [', and prunes'] : []),
    ...(preview ? [`; previews (${preview.services.length} of ${preview.limit})`] : []),
  ];
  return `${what.join(', ')}${also.join('')}`;
}

function result({ state, reason, commit_status: status }: DeliveryView): string {
  const told = status?.problem ? ` (its commit could not be told: ${status.problem})` : '';
  return `${reason === null ? state : `${state}: ${reason}`}${told}`;
}
