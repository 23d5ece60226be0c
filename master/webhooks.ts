/**
 * Puts together what receives pushes and brings them out; see control/webhooks, receive and deliver. Also says where providers find this
 * master: under the cluster's domain if it has one, with a certificate that they trust, else at its own address.
 */
import { hostname } from 'node:os';
import { OrcaError } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import type { Provider, Webhook } from '../shared/webhook.js';
import type { Authority } from './authority.js';
import { commitBuilder, createBringOut } from './control/bring-out.js';
import { startCommitStatuses } from './control/commit-statuses.js';
import { startDeliver } from './control/deliver.js';
import { startPreviewEnds } from './control/preview-ends.js';
import { createPreviews, type PreviewsOptions } from './control/previews.js';
import { createReceive } from './control/receive.js';
import { bindOfHook, createWebhooks } from './control/webhooks.js';
import { pingHook } from './hook-ping.js';
import { createSpecCheck, type SpecCheck } from './http/check-specs.js';
import type { Certificates, Commands, Hooks } from './http/ports.js';
import type { MasterSettings } from './settings.js';
import { postStatus } from './status-post.js';
import type { Store } from './store/store.js';

export interface HooksOptions {
  store: Store;
  authority: Pick<Authority, 'seal' | 'unseal' | 'caPem'>;
  settings: () => Pick<MasterSettings, 'domain' | 'acme' | 'advertise' | 'listen' | 'proxy'>;
  /** Where the API listens. */
  apiPort: () => number;
}

export function createHooks({ store, authority, settings, apiPort }: HooksOptions): Hooks {
  const webhooks = createWebhooks({ store, authority, nowMs: Date.now });
  const place = (webhook: Pick<Webhook, 'id' | 'provider'>) => placeOf(settings(), apiPort(), webhook);
  return {
    ...webhooks,
    ...createReceive(store, Date.now),
    place,
    test: (webhook) => pingHook(webhook, secretOf(webhook, authority), place(webhook).url, authority.caPem),
  };
}

function secretOf({ id, sealedSecret }: Webhook, { unseal }: HooksOptions['authority']): string {
  try {
    return unseal(sealedSecret, bindOfHook(id));
  } catch (cause) {
    throw new OrcaError(
      'CONFLICT',
      `the secret of ${id} can't be opened: it was sealed with another key, or for another webhook`,
      {
        cause,
        hint: 'Its calls are refused. Remove it and add it again, and give the new secret to the provider.',
      },
    );
  }
}

export function startHooks(options: {
  store: Store;
  commands: PreviewsOptions['commands'] & {
    redeploy: Redeploy;
    rebuild: Parameters<typeof commitBuilder>[0];
  };
  unseal: (sealed: string, bind: string) => string;
  own: Pick<Certificates, 'problemOf'>;
  settings: Parameters<typeof createSpecCheck>[2];
  log: Log;
}): { stop: () => Promise<void> } {
  const { store, commands, unseal, log } = options;
  const nowMs = Date.now;
  const check = createPreviewCheck(createSpecCheck(store, options.own, options.settings));
  const bringOut = createBringOut(commands.redeploy, commitBuilder(commands.rebuild));
  const bringPreview = createPreviews({ store, commands, check });
  const deliver = startDeliver({ store, bringOut, bringPreview, nowMs, log });
  const ends = startPreviewEnds({ store, commands, nowMs, log });
  const statuses = startCommitStatuses({ store, unseal, post: postStatus, nowMs, log });
  return { stop: () => Promise.all([deliver.stop(), ends.stop(), statuses.stop()]).then(() => undefined) };
}

/** Whoever may push has what a deployer of the preview's project has, whoever made the webhook. */
export function createPreviewCheck({ all }: Pick<SpecCheck, 'all'>): PreviewsOptions['check'] {
  return (spec) => {
    const name = spec.preview?.webhook ?? '';
    const [checked] = all([spec], { kind: 'webhook', name, role: 'deployer', projects: [spec.project] });
    return checked ?? spec;
  };
}

type Redeploy = (...args: [...Parameters<Commands['redeploy']>, tag: string | null]) => string | null;

function placeOf(
  { domain, acme, advertise, listen, proxy }: ReturnType<HooksOptions['settings']>,
  apiPort: number,
  { provider, id }: { provider: Provider; id: string },
): { url: string; isPublic: boolean } {
  const path = `/api/v1/webhooks/${provider}/${id}`;
  if (domain !== null) {
    const port = proxy.httpsPort === 443 ? '' : `:${proxy.httpsPort}`;
    return { url: `https://${domain}${port}${path}`, isPublic: acme !== null };
  }
  const isAny = ['0.0.0.0', '::'].includes(listen.host);
  const host = advertise ?? (isAny ? hostname() : listen.host);
  return { url: `https://${host.includes(':') ? `[${host}]` : host}:${apiPort}${path}`, isPublic: false };
}
