/**
 * Looks where a CA will look: resolves a name and asks each of its addresses, by HTTP on port 80 or in a handshake on port 443. So
 * a name that points elsewhere costs no order, and its owner hears to where.
 */
import { Resolver } from 'node:dns/promises';
import { request } from 'node:http';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { messageOf } from '../../shared/errors.js';
import { AcmeFailure } from './problem.js';

export interface ReachOptions {
  name: string;
  /** DNS servers as `HOST:PORT`; empty: those of the machine. */
  resolvers: string[];
  /** The addresses of the nodes that answer, as their owner knows them. */
  ingress: string[];
}

/** What an address did; null: what it should. `code` of a connection that failed. */
export interface Found {
  says: string | null;
  code?: string;
}

/** A CA comes by these, whatever the ingress listens on behind them (RFC 8555, 8.3; RFC 8737, 3). */
const HTTP = 80;
const HTTPS = 443;
const TIMEOUT_MS = 5_000;
/** Doubled for the second try. */
const DNS_MS = 3_000;
const MAX_BYTES = 4_096;
/** What says that this machine has no way to such an address at all. */
const NO_WAY = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/**
 * Resolves when every address of the name does what `ask` looks for, with those that this machine has no way to and nobody has looked at;
 * throws AcmeFailure with what another does, or when there is no other. A CA prefers IPv6, and comes by IPv4 only where that gets no
 * connection (https://letsencrypt.org/docs/ipv6-support/, read 2026-11): an AAAA record that can't be looked at may be wrong.
 */
export async function everyAddress(
  options: ReachOptions,
  ask: (address: string) => Promise<Found>,
): Promise<string[]> {
  const { name, ingress } = options;
  const addresses = await addressesOf(options);
  const here = ingress.join(', ') || 'it has no ingress node';
  const seen = await Promise.all(addresses.map(async (at) => ({ at, found: await ask(at) })));
  const isUsable = ({ found }: (typeof seen)[number]) => !NO_WAY.includes(found.code ?? '');
  const unseen = seen.filter((one) => !isUsable(one)).map(({ at }) => at);
  if (unseen.length === seen.length) throw unlookedAt(name, unseen, here);
  const wrong = seen.find((one) => isUsable(one) && one.found.says !== null);
  if (!wrong) return unseen;
  if (ingress.includes(wrong.at)) throw besides(name, wrong.at, wrong.found.says ?? '');
  const todo = `Point ${name} to this cluster (${here}), and let port 80 or 443 through.`;
  throw new AcmeFailure(`${name} points to ${wrong.at}, which ${wrong.found.says}`, todo);
}

const FOREIGN = 'is not this cluster: it ';

/** The address is right: its Caddy does not run, another program has the port, or something is in between. */
function besides(name: string, at: string, says: string): AcmeFailure {
  const what = says.startsWith(FOREIGN) ? `something else ${says.slice(FOREIGN.length)}` : `it ${says}`;
  return new AcmeFailure(
    `${name} points to ${at}, an ingress of this cluster, where ${what}`,
    'See `orca nodes` for whether its Caddy runs and who has its ports, and let port 80 or 443 through to it.',
  );
}

/** The name may be right: only nobody could look, and what can't be looked at is not ordered. */
function unlookedAt(name: string, addresses: string[], here: string): AcmeFailure {
  const only = addresses.every((address) => isIP(address) === 6) ? ' (IPv6, which its host has none of)' : '';
  return new AcmeFailure(
    `${name} has only addresses that the master has no way to${only}, so that it can't see whether they lead to this cluster: ${addresses.join(', ')}`,
    `If they do, give the master's host a way there, or ${name} an A record too; else point it to this cluster (${here}).`,
  );
}

/** What a CA refused without a reason that is known otherwise, with what could not be looked at before: it may have come there. */
export function withUnseen(error: unknown, unseen: readonly string[]): unknown {
  if (!(error instanceof AcmeFailure) || unseen.length === 0) return error;
  if (error.isGone || error.notBeforeMs > 0 || error.todo !== null) return error;
  const where = unseen.join(', ');
  return new AcmeFailure(
    `${error.message}; the CA may have come by ${where}, where the master has no way to look`,
    `See that ${where} leads to this cluster too, or remove that record.`,
  );
}

async function addressesOf({ name, resolvers, ingress }: ReachOptions): Promise<string[]> {
  const resolver = new Resolver({ timeout: DNS_MS, tries: 2 });
  if (resolvers.length > 0) resolver.setServers(resolvers);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = [v4, v6].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  if (found.length > 0) return found;
  const code = v4.status === 'rejected' ? ((v4.reason as NodeJS.ErrnoException).code ?? '') : '';
  const isMissing = code === 'ENOTFOUND' || code === 'ENODATA';
  const how = isMissing ? 'has no address in DNS' : `can't be resolved (${code || 'no answer'})`;
  const todo = isMissing
    ? `Make an A or AAAA record of ${name} that points to this cluster (${ingress.join(', ')}).`
    : 'Mend the DNS servers that the master asks, or set [acme] resolvers.';
  throw new AcmeFailure(`${name} ${how}`, todo);
}

/** Whether GET `path` on port 80 answers `content` for that host. */
export function answersHttp(address: string, host: string, path: string, content: string): Promise<Found> {
  return new Promise((resolve) => {
    const headers = { host, 'user-agent': 'orca' };
    const sent = request({ host: address, port: HTTP, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) response.destroy();
      });
      response.on('close', () => {
        const isThere = response.statusCode === 200 && text.trim() === content;
        const says = `${FOREIGN}answers ${response.statusCode} on port ${HTTP}`;
        resolve({ says: isThere ? null : says });
      });
    });
    // For all of it: one that answers byte by byte would take hours.
    const timer = setTimeout(() => {
      resolve(unanswered(gone(), HTTP));
      sent.destroy();
    }, TIMEOUT_MS);
    sent.on('close', () => clearTimeout(timer));
    sent.on('error', (error) => resolve(unanswered(error, HTTP)));
    sent.end();
  });
}

/** Whether a handshake for the name on port 443, with that protocol if there is one, shows a certificate that `isIt`. */
export function showsCertificate(
  address: string,
  { name, protocol, isIt }: { name: string; protocol?: string; isIt: (der: Buffer) => boolean },
): Promise<Found> {
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host: address, port: HTTPS, servername: name, rejectUnauthorized: false },
      ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }),
    });
    const timer = setTimeout(() => {
      resolve(unanswered(gone(), HTTPS));
      socket.destroy();
    }, TIMEOUT_MS);
    socket.on('close', () => clearTimeout(timer));
    socket.on('secureConnect', () => {
      const { raw } = socket.getPeerCertificate() as DetailedPeerCertificate;
      const isThere = raw !== undefined && isIt(raw);
      resolve({
        says: isThere ? null : `${FOREIGN}shows another certificate on port ${HTTPS}`,
      });
      socket.destroy();
    });
    socket.on('error', (error) => resolve(unanswered(error, HTTPS)));
  });
}

const gone = (): NodeJS.ErrnoException => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });

function unanswered(error: NodeJS.ErrnoException, port: number): Found {
  const { code = '' } = error;
  return { says: `does not answer on port ${port} (${code || messageOf(error)})`, code };
}
