/** Keeps BuildKit's cache to a size: what is in use stays, what was not used for longest goes first. */
import { request } from 'node:http';

const WAIT_MS = 120_000;

/** Rejects when Docker does not do it. API 1.41, which every Docker since 20.10 speaks. */
export function pruneCache(socketPath: string, keepBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/v1.41/build/prune?keep-storage=${keepBytes}`;
    const asked = request(
      { socketPath, path, method: 'POST', headers: { host: 'docker' }, timeout: WAIT_MS },
      (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () =>
          response.statusCode === 200
            ? resolve()
            : reject(new Error(`Docker answered ${response.statusCode}`)),
        );
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('Docker did not answer')));
    asked.on('error', reject);
    asked.end();
  });
}
