/**
 * Sends a commit's status to its provider. The token goes to that address alone: a redirect is not followed. An address that no admin
 * named never leads to the master's own host or link, whatever its name is made to say.
 */
import { lookup } from 'node:dns';
import { type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { messageOf } from '../shared/errors.js';
import { reachOf } from '../shared/inner-address.js';
import type { Told } from './control/commit-statuses.js';
import type { StatusCall } from './plan/commit-status.js';

const PATIENCE_MS = 10_000;
/** More of an answer is not read. */
const MAX_BYTES = 16 * 1024;
const MAX_WORDS = 200;

/** Never rejects. `reachesInside`: also to the master's own host and link. */
export async function postStatus(call: StatusCall, reachesInside: boolean): Promise<Told> {
  const { host } = new URL(call.url);
  const refused = (reason: string, notBeforeMs = 0): Told => ({ kind: 'refused', reason, notBeforeMs });
  try {
    const { status, headers, text } = await post(call, reachesInside);
    const words = wordsOf(withoutTold(text, call));
    if ((status >= 200 && status < 300) || isSetAlready(status, words)) return { kind: 'taken' };
    const said = words === '' ? '' : `: ${words}`;
    return refused(`${host} answered ${status}${said}${adviceOn(status)}`, notBefore(status, headers));
  } catch (error) {
    return refused(`${host} can't be reached: ${messageOf(error)}`);
  }
}

interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

async function post({ url, headers, body }: StatusCall, reachesInside: boolean): Promise<Answered> {
  const { protocol, hostname } = new URL(url);
  if (!reachesInside) refuseOwn(hostname, hostname);
  const text = JSON.stringify(body);
  const asked = (protocol === 'http:' ? plainRequest : request)(url, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      accept: 'application/json',
      'user-agent': 'orca',
    },
    agent: false,
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...(reachesInside ? {} : { lookup: lookupOutside }),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject);
  });
  asked.end(text);
  const response = await answered;
  asked.on('error', () => response.destroy());
  return { status: response.statusCode ?? 0, headers: response.headers, text: await beginningOf(response) };
}

/** The address that is connected to is the one that was looked at: a name may lead elsewhere a moment later. */
const lookupOutside: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const [first] = found ?? [];
    try {
      if (error || first === undefined) throw error ?? new Error(`${hostname} has no address`);
      for (const { address } of found) refuseOwn(hostname, address);
      if (options.all) done(null, found);
      else done(null, first.address, first.family);
    } catch (cause) {
      done(cause instanceof Error ? cause : new Error(String(cause)), []);
    }
  });
};

function refuseOwn(hostname: string, address: string): void {
  if (reachOf(address) !== 'own') return;
  throw new Error(
    `${hostname} leads to the master's own host or link; an admin has to add the webhook for that`,
  );
}

/** GitLab refuses to set what is set: https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807. */
const isSetAlready = (status: number, words: string): boolean =>
  status === 400 && /cannot transition status via :(run from :running|enqueue from :pending)/i.test(words);

function adviceOn(status: number): string {
  if (status === 401) return '; is the token in the secret still good?';
  if (status === 403 || status === 404) return '; may the token set statuses of this repository?';
  return '';
}

function notBefore(status: number, headers: IncomingHttpHeaders): number {
  const seconds = Number(headers['retry-after'] ?? 0);
  return (status === 429 || status === 403 || status === 503) && seconds > 0
    ? Date.now() + seconds * 1_000
    : 0;
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    parts.push(part as Buffer);
    size += (part as Buffer).length;
    if (size >= MAX_BYTES) break;
  }
  response.destroy();
  return Buffer.concat(parts).toString('utf8');
}

/** It may say again which token it was shown. */
const withoutTold = (text: string, { headers }: StatusCall): string =>
  Object.values(headers).reduce((shown, value) => {
    const token = value.slice(value.lastIndexOf(' ') + 1);
    return token.length < SHORTEST_TOKEN ? shown : shown.replaceAll(token, '***');
  }, text);

const SHORTEST_TOKEN = 6;

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
