/**
 * Decides how Caddy chooses the SRV name of a request where a client's group is not left to chance, PURE: handlers that run
 * before the proxy and set one variable. Promises: all names are ours; what a client sent is only ever compared, and its
 * cookie is replaced when it is not one of ours.
 */
import type { Route } from './route.js';
import { groupName, segmentsOf, thresholdOf } from './segments.js';

/** Where the name stands that the proxy looks up. */
const NAME = 'orca_upstreams';
const CLIENT = 'orca_client';
const COOKIE = 'orca_group';
const HEADER = 'X-Orca-Group';
const COOKIE_SECONDS = 30 * 24 * 3_600;

/** The SRV name for the proxy: the route's own, or a variable that the handlers of `chooseGroup` set. */
export function srvNameFor(route: Route): string {
  return isChosen(route) ? `{http.vars.${NAME}}` : route.srvName;
}

/** Nothing for a route whose group is left to chance. */
export function chooseGroup(route: Route): object[] {
  if (!isChosen(route)) return [];
  const routes = [
    { handle: [setName(route.srvName)] },
    ...(route.sticky ? sticky(route) : []),
    ...(route.groupHeader ? byHeader(route) : []),
  ];
  return [{ handler: 'subroute', routes }];
}

/** All the names that a compiled config may look up: those of variables too. */
export function chosenName(key: string, value: unknown): string | null {
  return key === NAME && typeof value === 'string' ? value : null;
}

function isChosen(route: Route): boolean {
  return route.sticky || route.groupHeader;
}

/** From the last segment to the first: the lowest bound that the client is under stands in the end. */
function sticky(route: Route): object[] {
  const pattern = `(?:^|;\\s*)${COOKIE}=([0-9a-f]{8})(?:;|$)`;
  const known = { header_regexp: { Cookie: { name: 'orca', pattern } } };
  const segments = [...segmentsOf(route)].reverse();
  return [
    { match: [known], handle: [{ handler: 'vars', [CLIENT]: '{http.regexp.orca.1}' }] },
    { match: [{ not: [known] }], handle: newClient(route) },
    ...segments.map(({ name, to }) =>
      to === 100
        ? { handle: [setName(name)] }
        : {
            match: [{ expression: `{http.vars.${CLIENT}} < "${thresholdOf(to)}"` }],
            handle: [setName(name)],
          },
    ),
  ];
}

/** A number of its own for a client without one: chance enough, and too short to know anybody by. */
function newClient({ httpOnly }: Route): object[] {
  // Without a TLS proxy in front, a browser would not keep one that is `Secure`.
  const attributes = `Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly;${httpOnly ? '' : ' Secure;'} SameSite=Lax`;
  return [
    {
      handler: 'map',
      source: '{http.request.uuid}',
      destinations: ['{orca_new_client}'],
      mappings: [{ input_regexp: '^([0-9a-f]{8})', outputs: ['$1'] }],
    },
    { handler: 'vars', [CLIENT]: '{orca_new_client}' },
    {
      handler: 'headers',
      response: {
        deferred: true,
        add: { 'Set-Cookie': [`${COOKIE}={http.vars.${CLIENT}}; ${attributes}`] },
      },
    },
  ];
}

function byHeader(route: Route): object[] {
  return (['canary', 'stable'] as const).map((group) => ({
    match: [{ header: { [HEADER]: [group] } }],
    handle: [setName(groupName(route, group))],
  }));
}

function setName(name: string): object {
  return { handler: 'vars', [NAME]: name };
}
