/** The sorry server: the upstream of services that have nothing ready. Answers everything with 503 and Retry-After. */
import { createServer, type Server } from 'node:http';
import { bindLoopback } from './dns-server.js';
import { RETRY_AFTER_SECONDS, unavailablePage } from './pages.js';

/** Listens on loopback, on `preferred` if it can. A body that is still being sent is read and dropped. */
export async function startSorryServer(
  preferred: number | null,
): Promise<{ port: number; stop(): Promise<void> }> {
  const page = unavailablePage();
  return bindLoopback(preferred, async (port) => {
    const server = createServer((request, response) => {
      request.resume();
      request.on('error', () => {});
      response.writeHead(503, {
        'content-type': 'text/html; charset=utf-8',
        'content-length': Buffer.byteLength(page),
        'cache-control': 'no-store',
        'retry-after': String(RETRY_AFTER_SECONDS),
      });
      response.end(page);
    });
    server.on('upgrade', (_request, socket) =>
      socket.end(
        'HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      ),
    );
    await listen(server, port);
    return { port, stop: async () => void server.close() };
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', backlog: 1_024 }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}
