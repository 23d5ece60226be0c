/** The JSON in a body whose signature was proved: as it is, or in the field `payload` of a form (GitHub and Gitea offer both). PURE. */
import { OrcaError } from '../../shared/errors.js';
import type { Provider } from '../../shared/webhook.js';

/** Throws BODY_INVALID. An empty one is `{}` to the provider generic, and refused else. */
export function readPayload(
  body: Uint8Array,
  { provider, type, encoding }: { provider: Provider; type: string; encoding: string },
): unknown {
  if (encoding !== '' && encoding.toLowerCase() !== 'identity')
    throw invalid(`it is encoded (Content-Encoding: ${encoding.slice(0, 20)}); send it plain`);
  const text = utf8(body);
  if (text.trim() === '' && provider === 'generic') return {};
  if (text.trim() === '') throw invalid('it is empty');
  // curl says of whatever it sends that it is a form.
  const isForm = provider !== 'generic' && /^\s*application\/x-www-form-urlencoded\b/i.test(type);
  const json = isForm ? new URLSearchParams(text).get('payload') : text;
  if (json === null) throw invalid('the form has no field "payload"');
  const value = parsed(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('it is no JSON object');
  return value;
}

function utf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw invalid('it is not UTF-8', cause);
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
}

const invalid = (why: string, cause?: unknown): OrcaError =>
  new OrcaError('BODY_INVALID', `the payload can't be read: ${why}`, {
    cause,
    hint: 'Set the content type application/json at the provider, and send its payload unchanged.',
  });
