/**
 * What other nodes reach of this one's images: TLS on which each has proved which node it is, and nothing but the images that
 * the master has said this node may read. `POST /images/HEX` makes one ready and says how far that is; below `/v2/img/HEX/`
 * the registry is read.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { CarryServe } from '../../shared/carry.js';
import type { Identity } from '../../shared/identity-files.js';
import { isCurrent, nodeOfCertificate } from '../../shared/node-certificate.js';
import { forward, refuse } from './forward.js';
import type { Preparer } from './prepare.js';
import type { RegistryProcess } from './registry-process.js';

const MAX_CONNECTIONS = 256;
const IDLE_MS = 120_000;

export interface ImageServer {
  /** 0: it could not listen, and is reached through the master only. */
  readonly port: number;
  /** A connection that came by way of the master. */
  take(socket: Duplex): void;
  /** With the certificate that is in place now. */
  renew(identity: Identity): void;
  stop(): void;
}

export interface ServerOptions {
  identity: Identity;
  /** Null: every address. */
  host: string | null;
  port: number;
  serve: () => readonly CarryServe[];
  preparer: Preparer;
  registry: RegistryProcess;
  /** A request began (1) or ended (-1). */
  onUse: (change: 1 | -1) => void;
}

export async function startImageServer(options: ServerOptions): Promise<ImageServer> {
  const { cert, key, ca } = options.identity;
  const authority = new X509Certificate(ca);
  const server = createServer(
    {
      ...{ cert, key, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' as const },
      ...{ requestTimeout: 0, headersTimeout: 20_000, handshakeTimeout: 10_000 },
    },
    (request, answer) => {
      const reader = readerOf(request.socket as TLSSocket, authority);
      if (reader === null) refuse(answer, 401, 'no certificate of a node of this cluster was shown');
      else {
        options.onUse(1);
        answer.once('close', () => options.onUse(-1));
        handle(request, answer, reader, options);
      }
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  const isUp =
    (await listens(server, options.host, options.port)) || (await listens(server, options.host, 0));
  return {
    port: isUp ? (server.address() as AddressInfo).port : 0,
    take: (socket) => void server.emit('connection', socket),
    renew: (next) => server.setSecureContext({ cert: next.cert, key: next.key }),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function handle(
  request: IncomingMessage,
  answer: ServerResponse,
  reader: string,
  { serve, preparer, registry }: ServerOptions,
): void {
  const { url = '', method = '' } = request;
  const hex = /^\/(?:images|v2\/img)\/([0-9a-f]{64})(?:\/|$)/.exec(url)?.[1];
  const granted = serve().find(
    ({ imageId, readers }) => imageId === `sha256:${hex}` && readers.includes(reader),
  );
  const isRead = /^\/v2\/img\/[0-9a-f]{64}\/(manifests|blobs)\/[\w:.-]+$/.test(url);
  if (granted === undefined)
    refuse(answer, 404, 'the master has not said that this node may read that image');
  else if (url === `/images/${hex}` && method === 'POST') {
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(preparer.ask(granted.imageId)));
  } else if (!isRead || (method !== 'GET' && method !== 'HEAD'))
    refuse(answer, 405, 'images are only read here');
  else
    registry.ensure().then(
      () =>
        forward(
          request,
          answer,
          { path: url, socketPath: registry.socket },
          {
            // Somebody has cleared the store: it is pushed anew when it is asked for again.
            onStatus: (status) => {
              if (status === 404) preparer.forget();
            },
          },
        ),
      (error: Error) => refuse(answer, 503, error.message),
    );
}

/** Judged at each request: a connection may outlive the certificate that it began with. */
function readerOf(socket: TLSSocket, ca: X509Certificate): string | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !isCurrent(certificate, Date.now())) return null;
  return nodeOfCertificate(certificate, ca);
}

async function listens(server: Server, host: string | null, port: number): Promise<boolean> {
  server.listen(port, host ?? undefined);
  return once(server, 'listening').then(
    () => true,
    () => false,
  );
}
