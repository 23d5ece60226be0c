/**
 * One path of the API: its schemas validate the request and make the OpenAPI document. A handler answers with data,
 * text, or a stream of lines.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { problemsOf } from '../../shared/config/explain.js';
import { keyText } from '../../shared/config/problem.js';
import { OrcaError } from '../../shared/errors.js';
import type { Peer } from '../../shared/model.js';
import type { Holder, Touches } from './access.js';
import type { Actor } from './ports.js';

export interface Call<B, Q> {
  params: Record<string, string>;
  query: Q;
  body: B;
  actor: Actor;
  /** Whose token it is, for what may be shown; without one, one who sees nothing. */
  holder: Holder;
  /** When that is good no more, ms; null: never, or there is none. */
  expiresAtMs: number | null;
  /** Where the request came from, and which node its client certificate proves. */
  from: { address: string; peer: Peer | null };
  /** The request itself: its headers, and for a `raw` route its body, which nobody has read. */
  raw: IncomingMessage;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
  /** Waits on as long as the caller's token is good; then `signal` is aborted, and it throws NOT_AUTHENTICATED. */
  whileGood: <T>(wait: () => Promise<T>) => Promise<T>;
}

export type Answer =
  | { kind: 'data'; status: number; data: unknown }
  /** Newline-delimited JSON. */
  | { kind: 'lines'; lines: AsyncIterable<unknown> }
  | { kind: 'text'; text: string; type?: string }
  /** What is no JSON; the answer is cut short when the stream fails. */
  | { kind: 'bytes'; type: string; stream: Readable };

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /api/v1, parameters as `:name`. */
  path: string;
  summary: string;
  body: z.ZodType | null;
  query: z.ZodType | null;
  reply: z.ZodType | null;
  /** What it touches, by which it is decided who may (`access.ts`). */
  touches: Touches<Call<unknown, unknown>>;
  /** Bytes of a body; null: as much as any path takes. */
  maxBody: number | null;
  /** The body is left on the socket, for the handler to read. */
  raw: boolean;
  /** Not below /api/v1, and in no document. */
  isRoot?: true;
  run(call: Call<unknown, unknown>): Promise<Answer>;
}

interface Definition<B extends z.ZodType, Q extends z.ZodType> {
  summary: string;
  body?: B;
  query?: Q;
  reply?: z.ZodType;
  touches: Touches<Call<z.output<B>, z.output<Q>>>;
  maxBody?: number;
  raw?: boolean;
  run(call: Call<z.output<B>, z.output<Q>>): Answer | Promise<Answer>;
}

/** Declares a route; `at` is such as `POST /deploy`. */
export function route<B extends z.ZodType = z.ZodUnknown, Q extends z.ZodType = z.ZodUnknown>(
  at: `${Route['method']} /${string}`,
  definition: Definition<B, Q>,
): Route {
  const [method, path = '/'] = at.split(' ') as [Route['method'], string];
  const { body, query } = definition;
  const isWhole = method !== 'GET';
  const fit = (call: Call<unknown, unknown>): Call<z.output<B>, z.output<Q>> => ({
    ...call,
    body: fitting(body, call.body, { what: 'the body', isWhole }) as z.output<B>,
    query: fitting(query, call.query, { what: 'the query', isWhole }) as z.output<Q>,
  });
  return {
    method,
    path,
    summary: definition.summary,
    body: body ?? null,
    query: query ?? null,
    reply: definition.reply ?? null,
    touches: fitted(definition.touches, fit),
    maxBody: definition.maxBody ?? null,
    raw: definition.raw ?? false,
    run: async (call) => definition.run(fit(call)),
  };
}

/** What it asks of a call is asked of one that fits the schemas. */
function fitted<C>(
  touches: Touches<C>,
  fit: (call: Call<unknown, unknown>) => C,
): Touches<Call<unknown, unknown>> {
  if (touches.what === 'projects') return { ...touches, of: (call) => touches.of(fit(call)) };
  if (touches.what === 'open') return { ...touches, who: (call) => touches.who(call as C) };
  return touches;
}

export const answer = (data: unknown, status = 200): Answer => ({ kind: 'data', status, data });

interface Fit {
  what: string;
  /** Nothing is changed by a request that was understood in part: what has no meaning here is refused, but for what is unset. */
  isWhole: boolean;
}

function fitting(schema: z.ZodType | undefined, value: unknown, { what, isWhole }: Fit): unknown {
  if (!schema && !(isWhole && isPlain(value))) return value;
  const known = schema ?? z.object({});
  const given = value ?? {};
  const wanted = isWhole && isClosed(known) ? known.strict() : known;
  const parsed = wanted.safeParse(wanted === known ? given : withoutUnset(known, given));
  if (parsed.success) return parsed.data;
  const problems = problemsOf(parsed.error.issues, wanted, given);
  const issues = problems.map(({ path, message }) => `${keyText(path) || what}: ${message}`);
  throw new OrcaError('BODY_INVALID', issues.join('; '), { details: issues });
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What hosts of a later version say is `z.looseObject`. */
const isClosed = (schema: z.ZodType): schema is z.ZodObject =>
  schema instanceof z.ZodObject && schema.def.catchall === undefined;

/** Clients of the Rust Orca send what they leave unset as null. */
function withoutUnset(schema: z.ZodType, value: unknown): unknown {
  if (!isPlain(value) || !(schema instanceof z.ZodObject)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, of]) => of !== null || key in schema.shape));
}

/** A switch in a query: `?follow`, `?follow=true`, `?follow=1`. */
export const flag = z.preprocess(
  (value) => value ?? undefined,
  z.enum(['true', 'false', '1', '0', '']).optional(),
);
export const isSet = (value: string | undefined): boolean =>
  value !== undefined && value !== 'false' && value !== '0';

/** What clients of the Rust Orca send for "unset", as undefined. */
export const unset = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => value ?? undefined, schema.optional());
