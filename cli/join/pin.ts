/**
 * The first look at a master, trusting nothing: takes the chain that it shows (its certificate, then the cluster's CA) and
 * accepts the CA only when its fingerprint is the token's. Nothing is said on this connection; what follows trusts that
 * CA alone. Throws CA_MISMATCH, MASTER_UNREACHABLE, and USAGE for an ingress.
 */

import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { OrcaError } from '../../shared/errors.js';
import { certificateFingerprint } from '../../shared/join-token.js';
import { pinnedName, UNKNOWN_HOST_NAME } from '../../shared/pinned-name.js';

const TIMEOUT_MS = 10_000;
const MAX_CHAIN = 5;

export interface Pinned {
  /** PEM of the CA. */
  ca: string;
  /** This host's address on the way to the master. */
  localAddress: string;
}

export async function pinMaster(url: URL, caFingerprint: string): Promise<Pinned> {
  const { shown, localAddress } = await look(url);
  const ca = shown.find(({ raw }) => certificateFingerprint(raw) === caFingerprint);
  if (!ca && isIngress(shown[0])) throw notTheMaster(url);
  if (!ca) throw mismatch(url, shown.at(-1), caFingerprint);
  return { ca: ca.toString(), localAddress };
}

/** The root that the master shows, for a person to compare; null: none, as at an ingress. */
export async function shownRoot(url: URL): Promise<{ ca: string; fingerprint: string } | null> {
  const { shown } = await look(url);
  const root = shown.at(-1);
  if (!root || shown.length < 2 || !root.checkIssued(root) || !root.verify(root.publicKey)) return null;
  return { ca: root.toString(), fingerprint: certificateFingerprint(root.raw) };
}

async function look(url: URL): Promise<{ shown: X509Certificate[]; localAddress: string }> {
  const socket = await open(url);
  try {
    const shown = chainOf(socket).map((der) => new X509Certificate(der));
    return { shown, localAddress: (socket.localAddress ?? '').replace(/^::ffff:/, '') };
  } finally {
    socket.destroy();
  }
}

function open(url: URL): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ...pinnedName(host),
    });
    const fail = (why: string, cause?: unknown): void => {
      socket.destroy();
      reject(new OrcaError('MASTER_UNREACHABLE', `no answer from ${url.origin}: ${why}`, { cause }));
    };
    socket.setTimeout(TIMEOUT_MS, () => fail(`silence for ${TIMEOUT_MS / 1_000} s`));
    socket.once('error', (error) => fail(error.message, error));
    socket.once('secureConnect', () => resolve(socket));
  });
}

/** The certificates in the order in which they were shown; a root is its own issuer. */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let next: ReturnType<TLSSocket['getPeerCertificate']> | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < MAX_CHAIN && !chain.some((der) => next?.raw.equals(der))) {
    chain.push(next.raw);
    next = 'issuerCertificate' in next ? (next.issuerCertificate as typeof next) : undefined;
  }
  return chain;
}

/** The ingress of some Orca: it ends TLS itself, so that no node can show the master there who it is. */
const isIngress = (leaf: X509Certificate | undefined): boolean =>
  leaf?.subjectAltName === `DNS:${UNKNOWN_HOST_NAME}`;

function notTheMaster({ origin, hostname }: URL): OrcaError {
  return new OrcaError('USAGE', `${origin} is an ingress, which serves the API to users, not to nodes`, {
    hint: `Nodes join at the master's own port, 6880 unless \`listen\` says another: orca join https://${hostname}:6880`,
  });
}

function mismatch(url: URL, last: X509Certificate | undefined, wanted: string): OrcaError {
  const shown = last ? `one with the fingerprint ${certificateFingerprint(last.raw)}` : 'none';
  return new OrcaError(
    'CA_MISMATCH',
    `the master at ${url.origin} is not the one that made this token: its CA should have the fingerprint ${wanted}, and it shows ${shown}`,
  );
}
