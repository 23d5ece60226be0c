/** Webhooks, pushes and deliveries for tests: say only what matters. */
import type { Delivery, Push, Webhook } from '../../shared/webhook.js';

export const aWebhook = (more: Partial<Webhook> = {}): Webhook => ({
  ...{ id: 'wh-1', provider: 'github', repo: 'org/myapp', service: 'shop/api', branch: null, paths: [] },
  ...{ tag: null, imageTag: null, sealedSecret: 'SEALED', by: 'ann', createdAtMs: 1_000 },
  ...more,
});

export const aPush = (more: Partial<Push> = {}): Push => ({
  ...{ event: 'push', ref: 'refs/heads/main', before: 'a'.repeat(40), commit: 'b'.repeat(40) },
  ...{ author: 'alice', message: 'Mend the door', paths: ['README.md'], pathCount: 1 },
  ...{ pushedAtMs: null, imageTag: null },
  ...more,
});

export const aDelivery = (more: Partial<Delivery> = {}): Delivery => ({
  ...{ id: 'd-1', webhook: 'wh-1', service: 'shop/api', remoteId: null, digest: 'd'.repeat(64) },
  ...{ push: aPush(), receivedAtMs: 1_000, state: 'waiting', reason: null },
  ...{ burstSinceMs: more.receivedAtMs ?? 1_000, rollout: null, endedAtMs: null, redeliveryOf: null },
  ...more,
});
