/**
 * Decides which shapes of services are in force, PURE. In force: the records were made with it and acknowledged, Caddy's running config
 * was made with it, and one refresh has passed since, so that no request is answered by an older one. What is not wanted any more is said
 * as long as Caddy has it.
 */
import type { ShapeObserved } from '../shared/shape.js';
import type { Route } from './route.js';
import type { PublishedShare } from './shares.js';

/** By service, the marks of the routes that a config was made of. */
export type Marks = ReadonlyMap<string, string>;

/** A config that Caddy would not load. */
export interface Refused {
  marks: Marks;
  reason: string;
}

export interface ShapeInput {
  routes: readonly Route[];
  /** By service. */
  published: ReadonlyMap<string, PublishedShare>;
  /** False: the resolver is down, and Caddy may go by older records. */
  isResolved: boolean;
  /** Of the config that Caddy runs. */
  loaded: Marks;
  /** Null: it took the newest. */
  refused: Refused | null;
  /** By service, why it was left out of the config. */
  refusals: ReadonlyMap<string, string>;
  refreshMs: number;
  nowMs: number;
}

export function marksOf(routes: readonly Route[]): Marks {
  return new Map(routes.flatMap(({ service, mark }) => (mark === undefined ? [] : [[service, mark]])));
}

/** One for each service that is wanted or still served, at `nowMs`, and when time alone brings the next one. */
export function shapesInForce(input: ShapeInput): { shapes: ShapeObserved[]; wakeAtMs: number | null } {
  const wanted = marksOf(input.routes);
  let wakeAtMs: number | null = null;
  const inForce = (service: string, mark: string): string | null => {
    const share = input.published.get(service);
    const isThere = share?.mark === mark && input.loaded.get(service) === mark && input.isResolved;
    if (!isThere || input.refusals.has(service)) return null;
    const atMs = share.sinceMs + input.refreshMs;
    if (input.nowMs >= atMs) return mark;
    wakeAtMs = Math.min(wakeAtMs ?? atMs, atMs);
    return null;
  };
  const shapes = [...new Set([...wanted.keys(), ...input.loaded.keys()])].sort().map((service) => {
    const next = wanted.get(service);
    const mark = next === undefined ? (input.loaded.get(service) ?? null) : inForce(service, next);
    return { service, mark, ...refusalOf(service, next ?? null, input) };
  });
  return { shapes, wakeAtMs };
}

function refusalOf(
  service: string,
  next: string | null,
  { loaded, refused, refusals }: ShapeInput,
): Pick<ShapeObserved, 'refused'> {
  const own = refusals.get(service);
  if (own !== undefined) return { refused: { mark: next, reason: own } };
  if (refused === null || refused.marks.get(service) === loaded.get(service)) return {};
  return { refused: { mark: refused.marks.get(service) ?? null, reason: refused.reason } };
}
