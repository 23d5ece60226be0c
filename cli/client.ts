/**
 * The client of the HTTP API. It finds the master (flags, environment, the home's files), trusts what `ways` says, and turns every failure into an OrcaError: the API's own code and hint where there is one.
 */

import { join, resolve } from 'node:path';
import got, { type Got, type Method } from 'got';
import type { ApiError } from '../shared/api.js';
import { type ErrorCode, knownCode, OrcaError } from '../shared/errors.js';
import { pinnedName } from '../shared/pinned-name.js';
import { homeOf, readIfThere } from './home.js';
import type { Io } from './io.js';
import { readLogin } from './login-file.js';
import { version } from './version.js';
import { byTrusted, eachByTrusted, homeWays, isUntrusted, oneWay, type Ways, waysTo } from './ways.js';

export type Query = Record<string, string | number | boolean | undefined>;

export interface Client {
  url: string;
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown, query?: Query): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string, query?: Query): Promise<T>;
  /** The lines of a newline-delimited JSON answer, until it ends or `signal` aborts. */
  lines<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T>;
  /** What is no JSON; throws when it is cut short. */
  bytes(path: string): AsyncGenerator<Buffer>;
}

export interface ClientOptions {
  api?: string | undefined;
  token?: string | undefined;
}

/** No call yet: a client of the master that `options`, the environment or the home name. */
export function createClient(io: Io, options: ClientOptions): Client {
  const home = homeOf(io.env);
  const local = readIfThere(join(home, 'cluster.url'));
  const named = options.api ?? (io.env.ORCA_API || undefined);
  const login = named === undefined && local !== null ? null : readLogin(io.env);
  const api = named ?? local ?? login?.url;
  if (!api)
    throw new OrcaError(
      'MASTER_UNREACHABLE',
      `no master is known here: ${join(home, 'cluster.url')} is missing`,
      { hint: 'Log in at one with `orca login https://MASTER:6880`, or name it with --api or ORCA_API.' },
    );
  if (!/^https?:\/\/[^/]/.test(api) || !URL.canParse(api)) {
    throw new OrcaError(
      'USAGE',
      `the API's address must be a URL such as https://host:6880; it is ${JSON.stringify(api)}`,
    );
  }
  const url = plainUrl(api);
  // What was logged in at is asked with what was given there, and nothing of it is said anywhere else.
  const isLocal = local !== null && plainUrl(local) === url;
  const own = login !== null && !isLocal && plainUrl(login.url) === url ? login : null;
  refuseOpenWay(url);
  const given = options.token ?? io.env.ORCA_TOKEN ?? own?.token;
  const known = own ? own.ca : readIfThere(join(home, 'ca.pem'));
  const mayAsk = isLocal || (url.startsWith('https:') && known !== null);
  const token = given ?? (mayAsk ? readIfThere(join(home, 'cluster.token')) : null);
  const http = plainHttp().extend(token ? { headers: { authorization: `Bearer ${token}` } } : {});
  // The home's own token is an admin's: elsewhere than at the address in the home it is said to who has the home's CA, and to nobody else.
  if (given === undefined && token && !isLocal && known) return clientOf(url, homeWays(url, http, known));
  const ca = io.env.ORCA_CA ? readCa(resolve(io.cwd, io.env.ORCA_CA)) : known;
  return clientOf(url, waysTo(url, http, ca));
}

const plainUrl = (api: string): string => api.replace(/\/+$/, '').replace(/\/api\/v1$/, '');

/** A client for what is logged in at, before that is kept; `ca`: null: a public one. */
export function createLoginClient(url: string, ca: string | null, token: string): Client {
  return clientOf(
    url,
    waysTo(url, plainHttp().extend({ headers: { authorization: `Bearer ${token}` } }), ca),
  );
}

/** One that was named must be there: without it others would be trusted. */
function readCa(path: string): string {
  const ca = readIfThere(path);
  if (ca !== null) return ca;
  throw new OrcaError('USAGE', `ORCA_CA names ${path}, which can't be read`, {
    hint: "Name a PEM file with the CA of the API, such as the cluster's ca.pem.",
  });
}

/** Without TLS everybody in between reads the token; on this host itself nobody is. */
function refuseOpenWay(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return;
  throw new OrcaError('USAGE', `${url} is without TLS, and a token would go there in the clear`, {
    hint: `Use https://${hostname}, or http:// on the master's own host alone (--http-listen).`,
  });
}

/** A client for a host that is no user: it trusts that CA alone and shows its certificate, if it has one, in place of a token. */
export function createHostClient(url: string, ca: string, own: { cert: string; key: string } | null): Client {
  const identity = own === null ? {} : { certificate: own.cert, key: own.key };
  const { servername } = pinnedName(new URL(url).hostname);
  const name = servername === undefined ? {} : { serverName: servername };
  return clientOf(
    url,
    oneWay(plainHttp().extend({ https: { certificateAuthority: ca, ...identity, ...name } })),
  );
}

/** As every client of ours asks: once, and every status is an answer. */
const plainHttp = (): Got =>
  got.extend({
    headers: { accept: 'application/json', 'user-agent': `orca-cli/${version()}` },
    retry: { limit: 0 },
    throwHttpErrors: false,
    followRedirect: false,
    timeout: { lookup: 5_000, connect: 5_000, secureConnect: 5_000 },
  });

function clientOf(url: string, ways: Ways): Client {
  const full = (path: string, query: Query = {}): string => `${url}/api/v1${path}${queryText(query)}`;
  const call = async <T>(method: Method, target: string, body?: unknown): Promise<T> => {
    const options = body === undefined ? { method } : { method, json: body };
    const whole = { ...options, timeout: { response: 60_000 } };
    const response = await byTrusted(ways, (http) => http(target, whole)).catch((error: unknown) => {
      throw unreachable(url, error, ways);
    });
    return answer<T>(response.statusCode, response.body, url);
  };
  return {
    url,
    get: (path, query) => call('GET', full(path, query)),
    post: (path, body = {}, query = {}) => call('POST', full(path, query), body),
    put: (path, body) => call('PUT', full(path), body),
    delete: (path, query) => call('DELETE', full(path, query)),
    lines: (path, query, signal) =>
      eachByTrusted(ways, (http) => streamLines(full(path, query), { http, ways, url }, signal)),
    bytes: (path) => eachByTrusted(ways, (http) => streamBytes(full(path), { http, ways, url })),
  };
}

function queryText(query: Query): string {
  const set = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return set.length === 0 ? '' : `?${new URLSearchParams(Object.fromEntries(set))}`;
}

interface Stream {
  http: Got;
  ways: Ways;
  url: string;
}

async function* streamLines<T>(
  target: string,
  { http, ways, url }: Stream,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const stream = http.stream(target);
  const abort = (): void => void stream.destroy();
  signal.addEventListener('abort', abort);
  let rest = '';
  let status: number | null = null;
  stream.on('response', (response: { statusCode: number }) => {
    status = response.statusCode;
  });
  stream.setEncoding('utf8');
  try {
    if (signal.aborted) return;
    for await (const chunk of stream) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      if ((status ?? 200) >= 400) rest = [...lines, rest].join('\n');
      else for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
    }
    if ((status ?? 200) >= 400) answer(status ?? 500, rest, url);
    if (rest.trim() !== '') yield JSON.parse(rest) as T;
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof OrcaError ? error : unreachable(url, error, ways);
  } finally {
    signal.removeEventListener('abort', abort);
    stream.destroy();
  }
}

async function* streamBytes(target: string, { http, ways, url }: Stream): AsyncGenerator<Buffer> {
  const stream = http.stream(target);
  let status = 200;
  const refusal: Buffer[] = [];
  stream.on('response', (response: { statusCode: number }) => {
    status = response.statusCode;
  });
  try {
    for await (const chunk of stream) {
      if (status < 400) yield chunk as Buffer;
      else refusal.push(chunk as Buffer);
    }
  } catch (error) {
    throw unreachable(url, error, ways);
  } finally {
    stream.destroy();
  }
  if (status >= 400) answer(status, Buffer.concat(refusal).toString('utf8'), url);
}

/** A reply of `POST /deploy` is one with any status: it says itself what went and what did not. */
function answer<T>(status: number, body: string, url: string): T {
  const value = readJson(body);
  if (status < 400) {
    if (typeof value === 'object' && value !== null) return value as T;
    throw new OrcaError('MASTER_UNREACHABLE', `${url} answered ${status} without JSON; is it Orca's API?`);
  }
  if (typeof value === 'object' && value !== null && 'deployed' in value) return value as T;
  throw apiError(status, value as Partial<ApiError> | undefined, url);
}

function apiError(status: number, body: Partial<ApiError> | undefined, url: string): OrcaError {
  const code = knownCode(body?.code) ?? codeOf(status);
  const message = body?.error ?? `${url} answered ${status}`;
  return new OrcaError(code, message, { ...(body?.hint ? { hint: body.hint } : {}), details: body?.details });
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'NOT_AUTHENTICATED';
  if (status === 403) return 'NOT_ALLOWED';
  if (status === 404) return 'NOT_FOUND';
  if (status === 502 || status === 503 || status === 504) return 'MASTER_UNREACHABLE';
  return status < 500 ? 'BODY_INVALID' : 'INTERNAL';
}

function unreachable(url: string, error: unknown, { hint }: Ways): OrcaError {
  if (!(error instanceof Error)) return new OrcaError('MASTER_UNREACHABLE', `no answer from ${url}`);
  return new OrcaError('MASTER_UNREACHABLE', `no answer from ${url}: ${error.message}`, {
    cause: error,
    ...(isUntrusted(error) ? { hint } : {}),
  });
}

function readJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
