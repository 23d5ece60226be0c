/** Sends a commit's status to its provider. The token goes to that address alone: a redirect is not followed. */
import { messageOf } from '../shared/errors.js';
import type { Told } from './control/commit-statuses.js';
import type { StatusCall } from './plan/commit-status.js';

const PATIENCE_MS = 10_000;
/** More of an answer is not read. */
const MAX_BYTES = 16 * 1024;
const MAX_WORDS = 200;

/** Never rejects. */
export async function postStatus({ url, headers, body }: StatusCall): Promise<Told> {
  const { host } = new URL(url);
  const refused = (reason: string, notBeforeMs = 0): Told => ({ kind: 'refused', reason, notBeforeMs });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'orca',
      },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const words = wordsOf(await beginningOf(response));
    if (response.ok || isSetAlready(response.status, words)) return { kind: 'taken' };
    const said = words === '' ? '' : `: ${words}`;
    return refused(
      `${host} answered ${response.status}${said}${adviceOn(response.status)}`,
      notBefore(response),
    );
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause;
    return refused(`${host} can't be reached: ${messageOf(cause ?? error)}`);
  }
}

/** GitLab refuses to set what is set: https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807. */
const isSetAlready = (status: number, words: string): boolean =>
  status === 400 && /cannot transition status via :(run from :running|enqueue from :pending)/i.test(words);

function adviceOn(status: number): string {
  if (status === 401) return '; is the token in the secret still good?';
  if (status === 403 || status === 404) return '; may the token set statuses of this repository?';
  return '';
}

function notBefore({ status, headers }: Response): number {
  const seconds = Number(headers.get('retry-after') ?? 0);
  return (status === 429 || status === 403 || status === 503) && seconds > 0
    ? Date.now() + seconds * 1_000
    : 0;
}

async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const parts: Uint8Array[] = [];
  for (let size = 0; size < MAX_BYTES; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  await reader.cancel();
  return Buffer.concat(parts).toString('utf8');
}

/** The provider's own words, in one line: only of what is its error in JSON. */
function wordsOf(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: unknown; error?: unknown };
    const found = [message, error].find((one) => one !== undefined);
    const words = typeof found === 'string' ? found : JSON.stringify(found ?? '');
    return words.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ').slice(0, MAX_WORDS);
  } catch {
    return '';
  }
}
