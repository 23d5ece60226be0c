/** A Docker of before 20.10, as far as its version goes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';

/** `url` is its socket's; `stop` also removes it. */
export async function oldDocker(): Promise<{ url: string; stop(): void }> {
  const folder = mkdtempSync('/tmp/orca-old-docker-');
  const server = createServer((_, response) => {
    response.end(JSON.stringify({ Version: '19.03.1', ApiVersion: '1.40', Client: {}, Server: {} }));
  });
  await new Promise<void>((resolve) => void server.listen(`${folder}/d.sock`, resolve));
  return {
    url: `unix://${folder}/d.sock`,
    stop() {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
