/**
 * What a host fetches that is to become a node: the script, a manifest with the cluster's CA and the SHA-256 of two files,
 * and these files, by their SHA-256. It is the same for everybody and holds no secret, so it needs no token; how often it
 * is asked for, how many read at once and for how long is bounded. Files are streamed from disk.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OrcaError } from '../../shared/errors.js';
import type { NodeFiles } from './ports.js';
import { createRateLimit } from './rate-limit.js';

/** What `authenticate` lets pass. */
export const nodeFilePaths = ['/install.sh', '/node/manifest', '/node/files/:sha256'] as const;

/** Hosts behind one address may join together. */
const PER_ADDRESS = 240;
const IN_ALL = 2_400;
const MAX_READERS = 24;
const IDLE_MS = 30_000;
const WHOLE_MS = 15 * 60_000;

export function mountNodeFiles(app: FastifyInstance, files: NodeFiles): void {
  const limit = createRateLimit(PER_ADDRESS, IN_ALL);
  let readers = 0;
  const [script, manifest, file] = nodeFilePaths;
  const takeOne = (request: FastifyRequest): void => limit.take(request.ip, Date.now());
  app.get(script, async (request, reply) => {
    takeOne(request);
    return reply.type('text/x-shellscript').send(await files.script());
  });
  app.get(manifest, async (request, reply) => {
    takeOne(request);
    return reply.type('text/plain').send(await files.manifest(Date.now()));
  });
  app.get<{ Params: { sha256: string } }>(file, { exposeHeadRoute: false }, async (request, reply) => {
    takeOne(request);
    const path = await files.path(request.params.sha256);
    if (path === null)
      throw new OrcaError('NOT_FOUND', 'this master has no such file, or not any more', {
        hint: 'Start over: the manifest names the files that there are.',
      });
    if (readers >= MAX_READERS) {
      reply.header('retry-after', '3');
      throw new OrcaError(
        'TOO_MANY_REQUESTS',
        `${MAX_READERS} hosts are reading files from this master already`,
      );
    }
    readers += 1;
    reply.raw.once('close', () => {
      readers -= 1;
    });
    return stream(path, reply);
  });
}

async function stream(path: string, reply: FastifyReply): Promise<FastifyReply> {
  const { size } = await stat(path);
  const { raw } = reply;
  raw.setTimeout(IDLE_MS, () => raw.destroy());
  const whole = setTimeout(() => raw.destroy(), WHOLE_MS).unref();
  raw.once('close', () => clearTimeout(whole));
  return reply
    .type('application/octet-stream')
    .header('content-length', size)
    .send(createReadStream(path, { end: Math.max(0, size - 1) }));
}
