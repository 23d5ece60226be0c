/** Requests for a session, as they come to the master's HTTPS: who may have one becomes a socket, all others are told why not. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import type { Peer } from '../../shared/model.js';
import { ofOneConnection } from '../../shared/of-one-connection.js';
import { admit, knownTo } from './admit.js';
import type { DispatchOptions } from './ports.js';

/** A listener for a server's `upgrade`. */
export function createUpgrade(
  { store, log, peer: peerOf, relay }: DispatchOptions,
  sockets: WebSocketServer,
  accept: (socket: WebSocket, node: string, address: string, peer: Peer | null) => void,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (relay?.(request, socket, head)) return;
    if (request.url?.split('?')[0] !== '/agent') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const peer = peerOf(socket);
    const admission = admit(peer, knownTo(store));
    const address = request.socket.remoteAddress ?? '';
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      if ('node' in admission) return accept(accepted, admission.node, address, peer);
      log.warn({ address, ...admission }, 'a session was refused');
      accepted.on('error', () => accepted.terminate());
      accepted.close(admission.code, admission.reason);
    });
  };
  return ofOneConnection(log, upgrade, (_, socket) => socket.destroy());
}
