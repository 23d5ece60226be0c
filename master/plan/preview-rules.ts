/** What `POST /webhooks` says of previews, checked. PURE. Throws BODY_INVALID and CONFLICT. */
import type { AddWebhook } from '../../shared/api-webhooks.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import {
  MAX_PREVIEW_LIMIT,
  MAX_PREVIEW_TTL_MS,
  PREVIEW_LIMIT,
  PREVIEW_TTL_MS,
  type PreviewRules,
  previewName,
} from '../../shared/preview.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Provider, Webhook } from '../../shared/webhook.js';
import { previewProblem } from './preview-spec.js';

type Asked = Pick<AddWebhook, 'preview' | 'preview_limit' | 'preview_ttl' | 'preview_forks'>;

/** Absent: it makes none. */
export function previewRules(provider: Provider, asked: Asked): { previews?: PreviewRules } {
  const { preview, preview_limit: limit, preview_ttl: ttl, preview_forks: forks } = asked;
  if (!preview) {
    if (limit === undefined && ttl === undefined && !forks) return {};
    throw bad('preview_limit, preview_ttl and preview_forks are for previews, which preview switches on');
  }
  if (provider === 'generic') throw bad('preview: the provider generic has no pull requests');
  const ttlMs = ttl === undefined ? PREVIEW_TTL_MS : parseDuration(ttl);
  if (ttlMs === null || ttlMs < 1_000 || ttlMs > MAX_PREVIEW_TTL_MS)
    throw bad(`preview_ttl must be a duration such as 7d, of a year at most; it is ${JSON.stringify(ttl)}`);
  if (limit !== undefined && (limit < 1 || limit > MAX_PREVIEW_LIMIT))
    throw bad(`preview_limit must be 1 to ${MAX_PREVIEW_LIMIT}; it is ${limit}`);
  return { previews: { limit: limit ?? PREVIEW_LIMIT, ttlMs, forks: forks === true } };
}

/** `others`: the webhooks that the service has already. */
export function refuseWebhook(
  spec: ServiceSpec,
  asked: Pick<Webhook, 'previews'>,
  others: readonly Pick<Webhook, 'id' | 'previews'>[],
): void {
  if (spec.preview)
    throw new OrcaError('CONFLICT', `${spec.name} is a preview, and follows its pull request alone`, {
      hint: `Add the webhook to ${spec.preview.of}.`,
    });
  if (!asked.previews) return;
  const problem = previewProblem(spec);
  if (problem !== null) throw new OrcaError('CONFLICT', `it can have no previews: ${problem}`);
  // With the shortest of numbers, so that at least the first ones fit.
  if (previewName(spec.name, 1).length > 63)
    throw new OrcaError('CONFLICT', `it can have no previews: ${spec.name} is too long for -pr-N behind it`);
  const other = others.find(({ previews }) => previews !== undefined);
  if (other)
    throw new OrcaError('CONFLICT', `${spec.name} has previews already, of the webhook ${other.id}`, {
      hint: `Remove that with \`orca webhooks rm ${other.id}\` first; its previews go with it.`,
    });
}

const bad = (message: string): OrcaError => new OrcaError('BODY_INVALID', message);
