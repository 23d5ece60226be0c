/**
 * Brings pull requests out: a delivery of one makes a preview, rolls its new commit out, or takes it away. Runs inside the commit that writes
 * what became of the delivery, so that a master that dies in between has done neither. Decides nothing of what a preview may have
 * (`plan/preview-spec`) or of whose commits are built (`plan/judge-pull`).
 */
import { OrcaError } from '../../shared/errors.js';
import type { Service } from '../../shared/model.js';
import type { PreviewMark } from '../../shared/preview.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { ended } from '../plan/bursts.js';
import { forkReason } from '../plan/judge-pull.js';
import { lateReason } from '../plan/late-pull.js';
import { previewSpec } from '../plan/preview-spec.js';
import { KEPT_DELIVERIES } from '../store/put-delivery.js';
import type { Store } from '../store/store.js';
import type { Actor, Commands } from './commands.js';

export interface PreviewsOptions {
  store: Store;
  commands: Pick<Commands, 'deploy' | 'remove'>;
  /** The spec as `orca deploy` would take it now from who deploys into its project alone. Throws what that would refuse it with. */
  check(spec: ServiceSpec): ServiceSpec;
}

/** The delivery as it goes on; `waiting`: it is to be tried again in a moment. Throws what can't be stored, and refusals. */
export type BringPreview = (delivery: Delivery, actor: Actor, nowMs: number) => Delivery;

type Pulled = Delivery & { pull: NonNullable<Delivery['pull']> };
type Previewing = Webhook & { previews: NonNullable<Webhook['previews']> };

export function createPreviews(options: PreviewsOptions): BringPreview {
  const { store } = options;
  return (delivery, actor, nowMs) => {
    const webhook = store.webhook(delivery.webhook);
    if (!isPulled(delivery) || webhook?.previews === undefined)
      return ended(delivery, 'skipped', 'its webhook makes no previews', nowMs);
    const of: Previewing = { ...webhook, previews: webhook.previews };
    const { action, number } = delivery.pull;
    if (action === 'none')
      return ended(delivery, 'skipped', `it brings no commit of pull request ${number}`, nowMs);
    return action === 'close'
      ? close(options, delivery, actor, nowMs)
      : update(options, of, delivery, actor, nowMs);
  };
}

const isPulled = (delivery: Delivery): delivery is Pulled => delivery.pull !== undefined;

/** The preview of that very pull request; what else has its name is somebody's. */
function previewOf({ store }: PreviewsOptions, { service, webhook, pull }: Pulled): Service | undefined {
  const found = store.service(service);
  const mark = found?.spec.preview;
  return mark?.webhook === webhook && mark.number === pull.number ? found : undefined;
}

function close(options: PreviewsOptions, delivery: Pulled, { by }: Actor, nowMs: number): Delivery {
  const preview = previewOf(options, delivery);
  const { number } = delivery.pull;
  if (!preview) return ended(delivery, 'skipped', `there is no preview of pull request ${number}`, nowMs);
  const late = lateReason(delivery, options.store.deliveries(delivery.webhook, KEPT_DELIVERIES));
  if (late !== null) return ended(delivery, 'skipped', late, nowMs);
  const reason = `pull request ${number} is closed`;
  if (preview.desired !== 'removed') removePreview(options, preview.key, `${reason} by ${by}`, nowMs);
  return ended(delivery, 'removed', `the preview goes: ${reason}`, nowMs);
}

/** One transaction with whatever it is called in. */
export function removePreview(
  { store, commands }: Pick<PreviewsOptions, 'store' | 'commands'>,
  key: string,
  why: string,
  atMs: number,
): void {
  commands.remove(key);
  store.write((tx) =>
    tx.addEvent({
      ...{ atMs, kind: 'preview.removed', service: key, node: null, rollout: null },
      message: `the preview ${key} is removed: ${why}`,
    }),
  );
}

function update(
  options: PreviewsOptions,
  webhook: Previewing,
  delivery: Pulled,
  actor: Actor,
  nowMs: number,
): Delivery {
  const { store, commands, check } = options;
  const { pull, service: key } = delivery;
  const original = store.service(webhook.service);
  const preview = previewOf(options, delivery);
  const why = skipReason(options, webhook, delivery, preview) ?? originalReason(original, webhook.service);
  if (why !== null || !original) return ended(delivery, 'skipped', why, nowMs);
  if (preview?.desired === 'removed')
    return { ...delivery, reason: 'the preview before it is still being removed' };
  const mark = markOf(webhook, delivery, nowMs);
  const derived = previewSpec(original.spec, mark, pull.isFork);
  if (derived.kind === 'refused') return ended(delivery, 'failed', derived.reason, nowMs);
  const [begun] = commands.deploy([check(derived.spec)], actor);
  if (!begun?.id) throw new OrcaError('CONFLICT', `${key} has nothing to build`);
  store.write((tx) => {
    const now = tx.service(key);
    // From now on, whatever comes of this push, its lifetime counts from it.
    if (now) tx.putService({ ...now, spec: { ...now.spec, preview: mark } });
    if (!preview) tx.addEvent(created(key, mark, derived.without, begun.id, nowMs));
  });
  return { ...delivery, state: 'deploying', reason: null, rollout: begun.id };
}

const created = (
  service: string,
  { repo, number, of }: PreviewMark,
  without: string[],
  rollout: string | null,
  atMs: number,
) => ({
  ...{ atMs, kind: 'preview.created', service, node: null, rollout },
  message: `${service} is the preview of ${of} for ${repo}#${number}${without.length === 0 ? '' : `; beside ${of} it has: ${without.join(', ')}`}`,
});

function skipReason(
  { store }: PreviewsOptions,
  { id, previews }: Previewing,
  delivery: Pulled,
  preview: Service | undefined,
): string | null {
  const { pull } = delivery;
  const fork = pull.isFork ? forkReason(previews, pull.number) : null;
  if (fork !== null) return fork;
  const late = lateReason(delivery, store.deliveries(id, KEPT_DELIVERIES));
  if (late !== null) return late;
  if (preview)
    return preview.desired === 'stopped' ? `${preview.key} is stopped; \`orca start\` it first` : null;
  const count = store
    .services()
    .filter(({ desired, spec }) => desired !== 'removed' && spec.preview?.webhook === id).length;
  if (count < previews.limit) return null;
  return `there are ${count} previews of this webhook, which is as many as its --preview-limit allows; close a pull request, or \`orca rm\` one, and redeliver this`;
}

function originalReason(original: Service | undefined, key: string): string | null {
  if (!original) return `there is no service ${key}`;
  if (original.desired === 'removed') return `${key} is being removed`;
  return original.desired === 'stopped' ? `${key} is stopped; \`orca start\` it first` : null;
}

function markOf(webhook: Previewing, { push, pull }: Pulled, nowMs: number): PreviewMark {
  const { id, service, repo, previews } = webhook;
  const commit = { sha: push.commit ?? '', ref: push.ref ?? '' };
  return {
    ...{ of: service, webhook: id, repo, number: pull.number, commit },
    ...{ pushedAtMs: nowMs, ttlMs: previews.ttlMs },
  };
}
