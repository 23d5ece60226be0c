/**
 * The webhooks there are: adds and removes them, and knows their secrets, which are sealed in the store and are answered once, to who made
 * the webhook. A webhook always has one. Refusals are OrcaErrors and have changed nothing.
 */
import { randomBytes } from 'node:crypto';
import type { AddWebhook } from '../../shared/api-webhooks.js';
import { OrcaError } from '../../shared/errors.js';
import { infraKey, isInfraKey } from '../../shared/infra.js';
import { secretNameProblem } from '../../shared/secret-reference.js';
import type { ServiceKey } from '../../shared/spec.js';
import { type Delivery, isOpen, type Provider, type Webhook } from '../../shared/webhook.js';
import { apiOf, apiProblem, firstReport } from '../plan/commit-status.js';
import { globProblem } from '../plan/globs.js';
import { isFieldPath } from '../plan/image-tag.js';
import { repoName } from '../plan/judge-push.js';
import { previewRules, refuseWebhook } from '../plan/preview-rules.js';
import { bindOfRow } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import { infraOf } from './infra-webhook.js';
import { newDeliveryId } from './receive.js';

export interface Webhooks {
  /** `secret` null: it was given, and is not said again. */
  /** `service` null: the repository names its services itself. `isAdmin`: they may name addresses inside for commit statuses. */
  add(
    service: ServiceKey | null,
    request: AddWebhook,
    by: string,
    isAdmin: boolean,
  ): { webhook: Webhook; secret: string | null };
  remove(id: string, by: string): void;
  /** What a call may be signed with: of the named webhook, or of all of the provider. */
  secrets(provider: Provider, id: string | null): { webhooks: string[]; secret: string }[];
  /** Takes the push of a delivery once more. Throws CONFLICT while it is under way. */
  redeliver(id: string, by: string): Delivery;
}

/** Each costs every unnamed call a hash, so that nobody's project may take all there may be. */
const MAX_WEBHOOKS = 1_000;
const MAX_OF_PROJECT = 50;
const MAX_OF_SERVICE = 20;
const SECRET_BYTES = 32;

export interface WebhooksOptions {
  store: Store;
  authority: { seal(plain: string, bind: string): string; unseal(sealed: string, bind: string): string };
  nowMs: () => number;
}

export function createWebhooks({ store, authority, nowMs }: WebhooksOptions): Webhooks {
  const opened = createOpened(store, authority);
  const event = (kind: string, service: string, message: string) => ({
    ...{ atMs: nowMs(), kind, node: null, rollout: null },
    service: isInfraKey(service) ? null : service,
    message,
  });
  return {
    add(given, request, by, isAdmin) {
      store.requireRoom();
      const made = request.secret === undefined ? randomBytes(SECRET_BYTES).toString('base64url') : null;
      const id = `wh-${randomBytes(4).toString('hex')}`;
      const infra = infraOf(request);
      const service = given ?? infraKey(id);
      const own = infra === null ? {} : { infra };
      refuseTooMany(store.webhooks(), service);
      const sealedSecret = authority.seal(request.secret ?? made ?? '', bindOfHook(id));
      const asked = wanted(request, isAdmin);
      const spec = store.service(service)?.spec;
      if (infra !== null) refuseTwin({ ...asked, infra }, store.webhooks());
      const others = store.webhooks().filter((one) => one.service === service);
      if (spec) refuseWebhook(spec, asked, others);
      const webhook = { id, ...asked, ...own, service, sealedSecret, by, createdAtMs: nowMs() };
      store.write((tx) => {
        tx.putWebhook(webhook);
        const what = `${by} added the webhook ${id} of ${webhook.repo} for ${infra === null ? service : 'the services that it names'}`;
        tx.addEvent(event('webhook.added', service, what));
      });
      opened.forget();
      return { webhook, secret: made };
    },
    remove(id, by) {
      const webhook = store.webhook(id);
      if (!webhook) throw new OrcaError('NOT_FOUND', `there is no webhook ${id}`, { hint: SEE });
      store.write((tx) => {
        tx.deleteWebhook(id);
        const what = `${by} removed the webhook ${id} of ${webhook.repo}`;
        tx.addEvent(event('webhook.removed', webhook.service, what));
      });
      opened.forget();
    },
    secrets(provider, id) {
      const all = opened.all().filter((one) => one.webhook.provider === provider);
      const named = id === null ? all : all.filter(({ webhook }) => webhook.id === id);
      const secrets = new Set(named.map(({ secret }) => secret));
      return [...secrets].map((secret) => ({
        secret,
        webhooks: named.filter((one) => one.secret === secret).map(({ webhook }) => webhook.id),
      }));
    },
    redeliver(id, by) {
      store.requireRoom();
      const before = store.delivery(id);
      if (!before) throw new OrcaError('NOT_FOUND', `there is no delivery ${id}`, { hint: SEE_DELIVERIES });
      if (isOpen(before)) throw new OrcaError('CONFLICT', `the delivery ${id} is under way already`);
      refuseEmpty(before);
      const reports = before.pull?.action !== 'close' && store.webhook(before.webhook)?.report !== undefined;
      const again = repeated(before, nowMs(), reports);
      store.write((tx) => {
        tx.putDelivery(again);
        tx.trimDeliveries(again.webhook);
        const what = `${by} redelivered ${id} as ${again.id}`;
        tx.addEvent(event('webhook.redelivered', before.service, what));
      });
      return again;
    },
  };
}

/** Two of the same files of one branch would deploy each push twice. */
function refuseTwin(asked: Twin, all: readonly Webhook[]): void {
  const keyOf = ({ provider, repo, branch, tag, infra }: Twin) =>
    JSON.stringify([provider, repo, branch, tag, infra?.paths]);
  const twin = all.find((one) => one.infra !== undefined && keyOf(one) === keyOf(asked));
  if (twin === undefined) return;
  throw new OrcaError('CONFLICT', `the webhook ${twin.id} deploys the same files of ${twin.repo} already`, {
    hint: `Remove it first (\`orca webhooks rm ${twin.id}\`), or name another --branch, --tag or --path.`,
  });
}

type Twin = Pick<Webhook, 'provider' | 'repo' | 'branch' | 'tag' | 'infra'>;

function refuseTooMany(all: readonly Webhook[], service: ServiceKey): void {
  const project = service.slice(0, service.indexOf('/'));
  const ofService = all.filter((one) => one.service === service).length;
  const ofProject = all.filter((one) => one.service.startsWith(`${project}/`)).length;
  const refuse = (what: string, most: number): never => {
    throw new OrcaError('CONFLICT', `${what} ${most} webhooks, which is as many as there may be`, {
      hint: 'Remove one that is not needed any more: `orca webhooks` shows when each was last called.',
    });
  };
  if (ofService >= MAX_OF_SERVICE) refuse(`${service} has`, MAX_OF_SERVICE);
  const holder = isInfraKey(service) ? 'infrastructure repositories have' : `the project ${project} has`;
  if (ofProject >= MAX_OF_PROJECT) refuse(holder, MAX_OF_PROJECT);
  if (all.length >= MAX_WEBHOOKS) refuse('there are', MAX_WEBHOOKS);
}

const SEE = 'See `orca webhooks` for those there are.';
const SEE_DELIVERIES = 'See `orca webhooks deliveries WEBHOOK` for those that are kept.';

/** What never asked for a deploy asks for none when it is repeated; what was only not for this branch or path may. */
function refuseEmpty({ id, push, reason }: Delivery): void {
  if (push.event !== 'ping' && push.ref !== null && push.commit !== null) return;
  if (push.event === 'generic') return;
  throw new OrcaError('CONFLICT', `the delivery ${id} names no commit to deploy: ${reason ?? push.event}`);
}

const repeated = (
  { report: _, infra: __, ...before }: Delivery,
  nowMs: number,
  reports: boolean,
): Delivery => ({
  ...before,
  id: newDeliveryId(nowMs),
  receivedAtMs: nowMs,
  state: 'waiting',
  reason: `repeats ${before.id}`,
  burstSinceMs: nowMs,
  rollout: null,
  endedAtMs: null,
  redeliveryOf: before.id,
  ...firstReport({ push: before.push, state: 'waiting' }, reports),
});

type Wanted = Pick<
  Webhook,
  'provider' | 'repo' | 'branch' | 'paths' | 'tag' | 'imageTag' | 'report' | 'previews'
>;

function wanted(request: AddWebhook, isAdmin: boolean): Wanted {
  const provider = request.provider ?? 'github';
  for (const [at, glob] of (request.paths ?? []).entries()) refuseGlob(`paths.${at}`, glob);
  if (request.tag !== undefined) refuseGlob('tag', request.tag);
  if (request.branch !== undefined && /[\p{Cc}\s]/u.test(request.branch))
    throw new OrcaError('BODY_INVALID', 'branch must be the name of a branch, without spaces');
  if (request.tag !== undefined && request.branch === undefined && (request.paths ?? []).length > 0)
    throw new OrcaError(
      'BODY_INVALID',
      'paths are of pushes to branches, and with a tag alone only tags deploy: name the branch too, or leave them out',
    );
  if (request.image_tag !== undefined && (provider !== 'generic' || !isFieldPath(request.image_tag)))
    throw new OrcaError(
      'BODY_INVALID',
      'image_tag is for the provider generic, and must be a path such as push_data.tag',
    );
  return {
    provider,
    repo: repoName(request.repo),
    branch: request.branch?.replace(/^refs\/heads\//, '') ?? null,
    paths: request.paths ?? [],
    tag: request.tag?.replace(/^refs\/tags\//, '') ?? null,
    imageTag: request.image_tag ?? null,
    ...reportOf(provider, request, isAdmin),
    ...previewRules(provider, request),
  };
}

/** That the secret is there is asked when it is used: it may be set later, and be changed. */
function reportOf(
  provider: Provider,
  { status_secret: secret, status_api: given }: AddWebhook,
  isAdmin: boolean,
): Pick<Webhook, 'report'> {
  const bad = (message: string): OrcaError => new OrcaError('BODY_INVALID', message);
  if (secret === undefined) {
    if (given === undefined) return {};
    throw bad('status_api is for commit statuses, which status_secret switches on');
  }
  if (provider === 'generic') throw bad('status_secret: the provider generic has no commit statuses');
  const named = secretNameProblem(secret);
  if (named !== null) throw bad(`status_secret ${named}`);
  const api = given ?? apiOf(provider);
  if (api === null)
    throw bad('status_api is missing: say where its API is, such as https://git.example.com/api/v1');
  const problem = apiProblem(api, isAdmin);
  if (problem !== null) throw bad(`status_api ${problem}`);
  const reach = isAdmin ? { reachesInside: true as const } : {};
  return { report: { secret, api: api.replace(/\/+$/, ''), ...reach } };
}

function refuseGlob(key: string, glob: string): void {
  const problem = globProblem(glob);
  if (problem !== null) throw new OrcaError('BODY_INVALID', `${key} ${problem}`);
}

/** What the secret of one is sealed for. */
export const bindOfHook = (id: string): string => bindOfRow('webhooks', id, 'sealedSecret');

/** Every webhook with its secret in the clear, in memory only. One whose secret was sealed in another home is never signed for. */
function createOpened(store: Store, authority: WebhooksOptions['authority']) {
  let known: { webhook: Webhook; secret: string }[] | null = null;
  const open = (webhook: Webhook): { webhook: Webhook; secret: string }[] => {
    try {
      return [{ webhook, secret: authority.unseal(webhook.sealedSecret, bindOfHook(webhook.id)) }];
    } catch {
      return [];
    }
  };
  return {
    all: () => {
      known ??= store.webhooks().flatMap(open);
      return known;
    },
    forget: () => {
      known = null;
    },
  };
}
