/**
 * What stands before and around the routes: who calls, whether they may, and that it is told in the audit trail. Every request passes here, also
 * one for a path that is not there.
 *
 * Told are: what may change something, whoever asks; refusals of those; and everybody who is refused for who they are. Never a body, and of a
 * query only what names or switches something.
 */
import type { FastifyRequest } from 'fastify';
import { OrcaError } from '../../shared/errors.js';
import { authorize, type Holder, type Touches } from './access.js';
import type { Access, Act, Caller } from './access-ports.js';
import type { Call, Route } from './route.js';

export interface Guard {
  /** Notes who calls. Throws NOT_AUTHENTICATED and TOO_MANY_REQUESTS. */
  admit(request: FastifyRequest): void;
  callerOf(request: FastifyRequest): Caller | null;
  /** Runs the route, if its caller may. */
  run<T>(
    route: Route,
    request: FastifyRequest,
    call: Call<unknown, unknown>,
    body: () => Promise<T>,
  ): Promise<T>;
  /** Tells of a request that ended with an error, unless that was told already. */
  refused(request: FastifyRequest, error: OrcaError): void;
}

/** Whoever has no token sees nothing. */
export const nobody: Holder = { name: 'nobody', role: 'viewer', projects: [] };

/** What of a query is told. */
const TOLD_KEYS = ['project', 'force', 'purge', 'redeploy', 'dry_run', 'wait'];
const MAX_PATH = 300;
/** Refused for who they are, at whatever they ask. */
const WHO = ['NOT_AUTHENTICATED', 'NOT_ALLOWED', 'TOO_MANY_REQUESTS', 'SIGNATURE_INVALID'];

/** `routeOf`: null for a path that is none of the table. */
export function createGuard(
  { audit, tokens }: Access,
  authenticate: (header: string | undefined, address: string) => Caller,
  routeOf: (request: FastifyRequest) => Route | null,
): Guard {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const calls = new WeakMap<FastifyRequest, Call<unknown, unknown>>();
  const told = new WeakSet<FastifyRequest>();
  const callerOf = (request: FastifyRequest): Caller | null => callers.get(request) ?? null;
  return {
    callerOf,
    admit(request) {
      callers.set(request, authenticate(request.headers.authorization, addressOf(request)));
    },
    async run(route, request, call, body) {
      calls.set(request, call);
      const caller = callerOf(request);
      // It may have been revoked while the body came.
      if (caller && !tokens.isLive(caller))
        throw new OrcaError('NOT_AUTHENTICATED', `the token "${caller.name}" is good no more`);
      if (caller) authorize(caller, route.touches, call);
      if (levelOf(route.touches, route.method) !== 'all') return await body();
      told.add(request);
      return await audit.during(actOf(request, route, caller, call), body);
    },
    refused(request, error) {
      if (told.has(request)) return;
      const caller = callerOf(request);
      const route = routeOf(request);
      if (!isRefusalTold(route, caller, request.method, error)) return;
      const isKnown = caller !== null || route?.touches.what === 'open';
      const call = calls.get(request) ?? null;
      audit.refused(isKnown ? actOf(request, route, caller, call) : unknown(request), error);
    },
  };
}

/** Of the connection, whatever a header says; it may be gone already. */
export const addressOf = ({ raw }: Pick<FastifyRequest, 'raw'>): string =>
  (raw.socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');

type Level = 'all' | 'refusals' | 'none';

function levelOf(touches: Touches<never>, method: Route['method']): Level {
  if (touches.what === 'open') return touches.told;
  if (touches.what === 'cluster' && touches.isTold) return 'all';
  const changes = 'does' in touches && touches.does !== 'read' && method !== 'GET';
  return changes ? 'all' : 'none';
}

function isRefusalTold(
  route: Route | null,
  caller: Caller | null,
  method: string,
  { code }: OrcaError,
): boolean {
  if (route?.touches.what === 'open') return route.touches.told !== 'none';
  if (WHO.includes(code)) return true;
  return (
    caller !== null && (route === null ? method !== 'GET' : levelOf(route.touches, route.method) === 'all')
  );
}

function actOf(
  request: FastifyRequest,
  route: Route | null,
  caller: Caller | null,
  call: Call<unknown, unknown> | null,
): Act {
  const via = /^orca/i.test(request.headers['user-agent'] ?? '') ? 'cli' : 'api';
  const action = route ? `${route.method} ${route.path}` : `${request.method} (no such path)`;
  const common = { from: addressOf(request), via, action, path: route && pathOf(request.url) } as const;
  if (caller) return { kind: 'token', by: caller.name, ...common };
  const proven = route?.touches.what === 'open' && call ? route.touches.who(call) : null;
  if (proven === null || proven.kind === 'nobody')
    return { kind: 'nobody', by: 'nobody', ...common, path: null };
  return { ...proven, ...common };
}

/** Whoever shows no token that is known may have written anything into the path. */
const unknown = (request: FastifyRequest): Act => ({
  ...{ kind: 'nobody', by: 'nobody', from: addressOf(request), via: null, action: 'any', path: null },
});

function pathOf(url: string): string {
  const [path = '', query = ''] = url.split('?');
  const named = [...new URLSearchParams(query)].filter(([key]) => TOLD_KEYS.includes(key));
  const rest = named.length === 0 ? '' : `?${new URLSearchParams(named)}`;
  return `${path.replace(/^\/api\/v1(?=\/)/, '')}${rest}`.slice(0, MAX_PATH);
}
