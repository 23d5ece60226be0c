/**
 * The port of HTTP in somebody else's hands: Caddy starts all of its servers or none, so that one program on port 80 would take HTTPS from every
 * name. What Caddy does not listen on yet is looked at before it is told to.
 */
import { createServer } from 'node:net';

/** Whether another program listens there, on any address. */
export function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

export const takenWords = (port: number): string =>
  `port ${port} is taken by another program, so that HTTP is not served, and HTTPS alone is; free it (\`ss -ltnp 'sport = :${port}'\` names who has it), and it is served again by itself`;
