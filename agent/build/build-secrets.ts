/** The values that a build gets: by the id that its Dockerfile mounts them with, and kept out of whatever is said of it. PURE. */
import type { BuildOrder } from '../../shared/build.js';
import type { SentSecrets } from '../../shared/protocol.js';
import { EngineError } from '../engine.js';
import { hideValues } from '../secrets.js';

/** The value with that id. Throws an `EngineError` with what it is for. */
export function secretOf(id: string, what: string, secrets: SentSecrets): string {
  const { value, reason } = secrets[id] ?? { value: null, reason: 'the master has not sent it to this node' };
  if (value !== null) return value;
  throw new EngineError('refused', `the secret for ${what} is not here: ${reason}`);
}

export function buildSecrets({ secrets = {} }: BuildOrder, sent: SentSecrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secrets).map(([id, valueId]) => [id, secretOf(valueId, `build.secrets ${id}`, sent)]),
  );
}

/** A line without what a step has printed of them. */
export function withoutSecrets(text: string, secrets: Readonly<Record<string, string>>): string {
  const sent = Object.fromEntries(
    Object.entries(secrets).map(([id, value]) => [id, { value, reason: null }]),
  );
  return hideValues(text, sent);
}

/** The error, without them in its words. */
export function hidden(error: unknown, secrets: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof EngineError)) return error;
  const words = withoutSecrets(error.message, secrets);
  return words === error.message ? error : new EngineError(error.kind, words);
}
