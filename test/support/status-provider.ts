/** What keeps commit statuses at a provider: takes each on loopback, as GitHub's API does, and tells which it was given. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StatusProvider {
  api: string;
  /** The states of a commit, oldest first, of those that came with the token. */
  told(commit: string): string[];
  /** Where the last of them leads. */
  link(commit: string): string | null;
  stop(): void;
}

export async function startStatusProvider(token: string): Promise<StatusProvider> {
  const taken: { path: string; state: string; link: string | null }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401).end(JSON.stringify({ message: 'Bad credentials' }));
        return;
      }
      const body = JSON.parse(Buffer.concat(parts).toString()) as { state: string; target_url?: string };
      taken.push({ path: request.url ?? '', state: body.state, link: body.target_url ?? null });
      response.writeHead(201).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const of = (commit: string) => taken.filter(({ path }) => path.endsWith(`/statuses/${commit}`));
  const { port } = server.address() as AddressInfo;
  return {
    api: `http://127.0.0.1:${port}`,
    told: (commit) => of(commit).map(({ state }) => state),
    link: (commit) => of(commit).at(-1)?.link ?? null,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
