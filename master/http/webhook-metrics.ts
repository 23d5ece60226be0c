/** What `GET /metrics` says of webhooks. PURE. */
import { type Delivery, providers } from '../../shared/webhook.js';
import { metric } from './metrics-text.js';

/** `refused` by provider, since the master started. */
export function webhookLines(refused: ReadonlyMap<string, number>, open: readonly Delivery[]): string {
  const of = (state: Delivery['state']): number => open.filter((one) => one.state === state).length;
  return [
    ...metric(
      'orca_webhook_refused_total',
      'counter',
      'Calls of webhooks that were refused: not signed with a known secret, too large, or too many at once.',
      providers.map((provider) => [{ provider }, refused.get(provider) ?? 0]),
    ),
    ...metric(
      'orca_webhook_deliveries_open',
      'gauge',
      'Deliveries that wait or deploy.',
      (['waiting', 'deploying'] as const).map((state) => [{ state }, of(state)]),
    ),
    '',
  ].join('\n');
}
