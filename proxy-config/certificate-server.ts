/**
 * Answers Caddy which certificate to show in a handshake: `GET /?server_name=NAME` → chain and key, PEM. Loopback is open to every
 * process of the host, and keys are given away here: without the password, which Caddy's config and a file of ours alone have,
 * there is no answer.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hashSecret, isSameHash } from '../shared/secret-hash.js';
import { bindLoopback, listenOptions, type Place } from './dns-server.js';

export interface CertificateServer {
  port: number;
  server: Server;
  stop(): Promise<void>;
}

export interface CertificateAnswers {
  /** The password that is asked for. */
  key: string;
  /** Chain and key for the name; null: nothing is known yet. */
  find(name: string): string | null;
}

/** Longer than Caddy keeps an idle connection (90 s), so that it never asks on one that is being closed here. */
const KEEP_ALIVE_MS = 120_000;

/** Listens on loopback, on `preferred` if it can. */
export function startCertificateServer(
  preferred: number | null,
  answers: CertificateAnswers,
): Promise<CertificateServer> {
  return bindLoopback(preferred, (port) => listenOn({ port }, answers));
}

/** Takes over a socket that was bound already, by its file descriptor. */
export function inheritCertificateServer(
  fd: number,
  answers: CertificateAnswers,
): Promise<CertificateServer> {
  return listenOn({ fd }, answers);
}

async function listenOn(place: Place, { key, find }: CertificateAnswers): Promise<CertificateServer> {
  const wanted = hashSecret(`Basic ${Buffer.from(`caddy:${key}`).toString('base64')}`);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    request.resume();
    request.on('error', () => {});
    const isAllowed = isSameHash(hashSecret(request.headers.authorization ?? ''), wanted);
    const pem = isAllowed ? find(nameOf(request)) : null;
    response.writeHead(isAllowed ? (pem === null ? 503 : 200) : 401, {
      'content-type': 'application/x-pem-file',
    });
    response.end(pem);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(place), resolve);
  });
  server.removeAllListeners('error').on('error', () => {});
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  return { port, server, stop };
}

const nameOf = ({ url = '' }: IncomingMessage): string =>
  new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('server_name') ?? '';
