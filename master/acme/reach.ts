/**
 * Looks where a CA will look: resolves a name and fetches a token from each of its addresses on port 80. So a name that points
 * elsewhere costs no order, and its owner hears to where.
 */
import { Resolver } from 'node:dns/promises';
import { request } from 'node:http';
import { AcmeFailure } from './problem.js';

export interface ReachOptions {
  name: string;
  /** The path below which the token stands, with a slash at both ends. */
  path: string;
  token: string;
  content: string;
  /** DNS servers as `HOST:PORT`; empty: those of the machine. */
  resolvers: string[];
  /** The addresses of the nodes that answer, as their owner knows them. */
  ingress: string[];
}

/** A CA comes by port 80, whatever the ingress listens on behind it (RFC 8555, 8.3). */
const PORT = 80;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 4_096;
/** What says that this machine has no way to such an address at all. */
const NO_WAY = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** Resolves when every address of the name answers with the token; throws AcmeFailure with what the others do. */
export async function checkReach(options: ReachOptions): Promise<void> {
  const { name, ingress } = options;
  const addresses = await addressesOf(options);
  const todo = `Point ${name} to this cluster (${ingress.join(', ') || 'it has no ingress node'}), and let port 80 through.`;
  const seen = await Promise.all(addresses.map(async (at) => ({ at, found: await answerOf(at, options) })));
  const usable = seen.filter(({ found }) => !NO_WAY.includes(found.code ?? ''));
  if (usable.length === 0) {
    const reason = `${name} has only addresses that the master has no way to: ${addresses.join(', ')}`;
    throw new AcmeFailure(reason, todo);
  }
  const wrong = usable.find(({ found }) => found.says !== null);
  if (wrong) throw new AcmeFailure(`${name} points to ${wrong.at}, which ${wrong.found.says}`, todo);
}

async function addressesOf({ name, resolvers, ingress }: ReachOptions): Promise<string[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
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

/** `says` null: the token is there. */
interface Found {
  says: string | null;
  code?: string;
}

function answerOf(address: string, { name, path, token, content }: ReachOptions): Promise<Found> {
  return new Promise((resolve) => {
    const sent = request(
      {
        host: address,
        port: PORT,
        path: `${path}${token}`,
        headers: { host: name, 'user-agent': 'orca' },
        agent: false,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_BYTES) response.destroy();
        });
        response.on('close', () => {
          const isThere = response.statusCode === 200 && text.trim() === content;
          resolve({
            says: isThere ? null : `is not this cluster: it answers ${response.statusCode} on port ${PORT}`,
          });
        });
      },
    );
    sent.setTimeout(TIMEOUT_MS, () =>
      sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    sent.on('error', ({ code = '' }: NodeJS.ErrnoException) =>
      resolve({ says: `does not answer on port ${PORT} (${code || 'no connection'})`, code }),
    );
    sent.end();
  });
}
