/** What is built says itself which branch it is of and which paths, unless its webhook does. PURE. */
import type { BuildSpec } from './spec.js';
import type { Webhook } from './webhook.js';

type Meant = Pick<Webhook, 'provider' | 'branch' | 'tag' | 'paths'>;

/** The webhook as its calls are judged; `build` null: its service is not built from source. */
export function forSource<W extends Meant>(webhook: W, build: BuildSpec | null): W {
  if (build === null || webhook.provider === 'generic') return webhook;
  const branch = webhook.branch ?? (webhook.tag === null ? build.branch : null);
  return { ...webhook, branch, paths: webhook.paths.length > 0 ? webhook.paths : build.paths };
}
