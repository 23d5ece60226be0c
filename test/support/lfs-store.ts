/** As much of a Git LFS server as a download needs (git-lfs, docs/api/batch.md): the batch call, and the objects. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

export interface LfsStore {
  /** Answers the pointer of the content. */
  keep(content: string): string;
  /** False: it is no request of Git LFS. */
  answers(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Asked {
  objects: { oid: string; size: number }[];
}

export function lfsStore(): LfsStore {
  const objects = new Map<string, string>();
  const batch = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = (await json(request)) as Asked;
    const described = asked.objects.map(({ oid, size }) => {
      const href = `http://${request.headers.host}/lfs-objects/${oid}`;
      const found = objects.has(oid)
        ? { actions: { download: { href } } }
        : { error: { code: 404, message: 'gone' } };
      return { oid, size, ...found };
    });
    response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' });
    response.end(JSON.stringify({ transfer: 'basic', objects: described }));
  };
  return {
    keep(content) {
      const oid = createHash('sha256').update(content).digest('hex');
      objects.set(oid, content);
      return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${Buffer.byteLength(content)}\n`;
    },
    answers(request, response) {
      const { url = '' } = request;
      const [, oid] = /^\/lfs-objects\/([0-9a-f]{64})$/.exec(url) ?? [];
      if (oid !== undefined) response.end(objects.get(oid) ?? '');
      else if (url.endsWith('/info/lfs/objects/batch')) void batch(request, response);
      else return false;
      return true;
    },
  };
}
