/** The sorry server: the upstream of services that have nothing ready, or are in maintenance. Answers everything with 503
 *  and Retry-After; the page says why where that is known. And it answers a CA that asks whether a name is served here. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CHALLENGE_PATH } from '../shared/challenge-path.js';
import { bindLoopback, listenOptions, type Place } from './dns-server.js';
import { type Notice, noticeFor } from './notices.js';
import { maintenancePage, RETRY_AFTER_SECONDS, unavailablePage } from './pages.js';
import type { Challenge } from './route.js';

export interface SorryServer {
  port: number;
  server: Server;
  stop(): Promise<void>;
}

/** What it says beside that; asked for each request. */
export interface Sayings {
  notices(): readonly Notice[];
  challenges(): readonly Challenge[];
}

const SILENT: Sayings = { notices: () => [], challenges: () => [] };

/** Listens on loopback, on `preferred` if it can. A body that is still being sent is read and dropped. */
export async function startSorryServer(
  preferred: number | null,
  sayings: Sayings = SILENT,
): Promise<SorryServer> {
  return bindLoopback(preferred, (port) => listenOn({ port }, sayings));
}

/** Takes over a socket that was bound already, by its file descriptor. */
export function inheritSorryServer(fd: number, sayings: Sayings): Promise<SorryServer> {
  return listenOn({ fd }, sayings);
}

async function listenOn(place: Place, sayings: Sayings): Promise<SorryServer> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('error', () => {});
    const challenge = challengeFor(request, sayings.challenges());
    if (challenge !== null) {
      response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
      response.end(challenge.content);
      return;
    }
    const page = pageFor(request, sayings.notices());
    response.writeHead(503, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(page),
      'cache-control': 'no-store',
      'retry-after': String(RETRY_AFTER_SECONDS),
    });
    response.end(page);
  });
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {});
    socket.end(
      'HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
  });
  await listen(server, place);
  const { port } = server.address() as AddressInfo;
  return { port, server, stop: async () => void server.close() };
}

function challengeFor({ url = '/' }: IncomingMessage, challenges: readonly Challenge[]): Challenge | null {
  if (!url.startsWith(CHALLENGE_PATH)) return null;
  const token = url.slice(CHALLENGE_PATH.length);
  return challenges.find((one) => one.name === null && one.token === token) ?? null;
}

/** Caddy takes a stripped prefix off the path and says it in a header, which it never lets a client set. */
function pageFor({ headers, url = '/' }: IncomingMessage, notices: readonly Notice[]): string {
  const prefix = headers['x-forwarded-prefix'];
  const path = `${typeof prefix === 'string' ? prefix : ''}${url.split('?')[0]}`;
  const notice = noticeFor(notices, headers.host ?? '', path);
  return notice === null ? unavailablePage() : maintenancePage(notice);
}

function listen(server: Server, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(place), () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}
