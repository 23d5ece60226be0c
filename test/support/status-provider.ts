/** What keeps commit statuses at a provider: takes each on loopback, as GitHub's API does, and tells which it was given. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StatusProvider {
  api: string;
  /** The states of a commit, oldest first, of those that came with the token. */
  told(commit: string): string[];
  stop(): void;
}

export async function startStatusProvider(token: string): Promise<StatusProvider> {
  const taken: { path: string; state: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401).end(JSON.stringify({ message: 'Bad credentials' }));
        return;
      }
      const { state } = JSON.parse(Buffer.concat(parts).toString()) as { state: string };
      taken.push({ path: request.url ?? '', state });
      response.writeHead(201).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    api: `http://127.0.0.1:${port}`,
    told: (commit) =>
      taken.filter(({ path }) => path.endsWith(`/statuses/${commit}`)).map(({ state }) => state),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
