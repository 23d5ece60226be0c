/**
 * By which name and CA a user's CLI takes the API for the cluster's. The first way is the name that is asked for, with the CA that is known;
 * the second takes a public one too: under its own domain the API shows a certificate of a CA that may be neither (`[acme] directory`). Where the
 * cluster's CA is known, the last is the one that nodes go: that CA alone, under the name that stands in no certificate but the master's own.
 *
 * Promises that nothing is said to whom it does not trust: another way is tried only where a handshake ended before the request.
 */
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { Got, HttpsOptions } from 'got';
import { pinnedName } from '../shared/pinned-name.js';

export interface Ways {
  now(): Got;
  /** Goes on to the next; false: there is none. */
  next(): boolean;
  /** What to do when none is trusted. */
  hint: string;
}

/** The subject of the CA that a master makes for its cluster. */
const CLUSTER_CA = 'CN=Orca cluster CA ';

/** `ca`: PEM, null: none is known, and public ones are trusted. */
export function waysTo(url: string, http: Got, ca: string | null): Ways {
  if (ca === null) return inTurn(http, [{}], HINT);
  const { servername } = pinnedName(new URL(url).hostname);
  const known = { certificateAuthority: ca };
  // To read the public ones takes longer than a whole command (20 ms): they are asked of when that CA is not it.
  const withPublic = { certificateAuthority: [ca, ...rootCertificates] };
  if (servername === undefined || !isClusterCa(ca)) return inTurn(http, [known, withPublic], HINT);
  return inTurn(http, [known, withPublic, { ...known, serverName: servername }], hintFor(url));
}

type Trust = Pick<HttpsOptions, 'certificateAuthority' | 'serverName'>;

/** For what only the home's own master may be told: `ca` alone is trusted, by the name that is asked for or the master's own. */
export function homeWays(url: string, http: Got, ca: string): Ways {
  const { servername } = pinnedName(new URL(url).hostname);
  const alone = { certificateAuthority: ca };
  const pinned = servername === undefined ? [] : [{ ...alone, serverName: servername }];
  const hint = `The token in the home is for the master of that home alone, which this is not: give the one for ${url} (ORCA_TOKEN, \`orca login\`), or leave out ORCA_API and --api.`;
  return inTurn(http, [alone, ...pinned], hint);
}

/** Each made when it is come to. */
function inTurn(http: Got, trusts: [Trust, ...Trust[]], hint: string): Ways {
  const [first, ...others] = trusts;
  const trusting = (https: Trust): Got => http.extend({ ...kept(), https });
  let way = trusting(first);
  return {
    now: () => way,
    next: () => {
      const other = others.shift();
      if (other !== undefined) way = trusting(other);
      return other !== undefined;
    },
    hint,
  };
}

/** A client that has one way only. */
export const oneWay = (http: Got, hint = HINT): Ways => ({ now: () => http, next: () => false, hint });

/** What `ask` answers by the first way that is trusted; throws what the first of them was refused with. */
export async function byTrusted<T>(ways: Ways, ask: (http: Got) => Promise<T>): Promise<T> {
  let first: unknown;
  for (;;) {
    const way = ways.now();
    try {
      return await ask(way);
    } catch (error) {
      first ??= error;
      if (!goesOn(ways, way, error)) throw isUntrusted(error) ? first : error;
    }
  }
}

/** The same for what comes piece by piece: it is refused before its first. */
export async function* eachByTrusted<T>(
  ways: Ways,
  open: (http: Got) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  let first: unknown;
  for (;;) {
    const way = ways.now();
    try {
      yield* open(way);
      return;
    } catch (error) {
      first ??= error;
      if (!goesOn(ways, way, error)) throw isUntrusted(error) ? first : error;
    }
  }
}

/** Of several that ask at once, the first that is refused goes on for all. */
const goesOn = (ways: Ways, refused: Got, error: unknown): boolean =>
  isUntrusted(error) && (ways.now() !== refused || ways.next());

/** The certificate was not one to trust; `error` may be what a library threw, or have it as its cause. */
export function isUntrusted(error: unknown): boolean {
  const { cause = error } = error as { cause?: unknown };
  if (!(cause instanceof Error)) return false;
  const { code = '' } = cause as NodeJS.ErrnoException;
  return /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|certificate/i.test(`${code} ${cause.message}`);
}

const HINT =
  "The API's certificate is not of the CA that is trusted here: set ORCA_CA to the cluster's ca.pem.";

function hintFor(url: string): string {
  const { hostname, port } = new URL(url);
  const root = "set ORCA_CA to a file with the root of that certificate's CA";
  if (port !== '' && port !== '443')
    return `It is not of the cluster's CA, nor of a public one: ${root}, or to the ca.pem of that cluster.`;
  return `Here it is of another CA than the cluster's. The master's own port takes that: --api https://${hostname}:6880. Or ${root}.`;
}

/** One handshake for all that a command asks; a connection at rest does not keep the process. */
const kept = () => ({ agent: { https: new Agent({ keepAlive: true }) } });

function isClusterCa(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject.startsWith(CLUSTER_CA);
  } catch {
    return false;
  }
}
