/**
 * What a host gets from this master to become a node: the install script, the agent (dist/node.tar.gz, made by the build)
 * and the Node.js that the master itself runs on. Nothing of the home is among it. Files are named by their SHA-256, which
 * is computed when first asked for, and again when the file on disk is another one.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { OrcaError } from '../shared/errors.js';
import { PROTOCOL_VERSION } from '../shared/protocol.js';
import type { NodeFiles } from './http/ports.js';

const AGENT = fileURLToPath(new URL('../node.tar.gz', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../../install.sh', import.meta.url));

export function createNodeFiles(version: string, caPem: string): NodeFiles {
  const agent = known(AGENT);
  const runtime = known(process.execPath);
  return {
    script: () => readFile(SCRIPT, 'utf8'),
    async manifest(nowMs) {
      const [program, node] = await Promise.all([agent(), runtime()]);
      return [
        `version ${version}`,
        `protocol ${PROTOCOL_VERSION}`,
        `time ${Math.floor(nowMs / 1_000)}`,
        `agent ${program.sha256} ${program.bytes}`,
        `runtime ${node.sha256} ${node.bytes} ${process.platform}-${process.arch} ${process.version}`,
        caPem,
      ].join('\n');
    },
    async program() {
      const { sha256, bytes } = await agent();
      return { version, sha256, bytes };
    },
    async path(sha256) {
      const files = await Promise.all([agent(), runtime()]);
      return files.find((file) => file.sha256 === sha256)?.path ?? null;
    },
  };
}

interface KnownFile {
  path: string;
  sha256: string;
  bytes: number;
}

/** Hashes the file once for each state of it on disk; who asks meanwhile waits for the same. */
function known(path: string): () => Promise<KnownFile> {
  let state = '';
  let hashing: Promise<KnownFile> | null = null;
  return async () => {
    const { size, mtimeMs, ino } = await stat(path).catch((cause: unknown) => {
      throw new OrcaError('NOT_FOUND', `this master has no ${path} to give`, {
        cause,
        hint: 'Run `npm run build` where the master was installed from, and try again.',
      });
    });
    const now = [size, mtimeMs, ino].join();
    if (hashing === null || now !== state) {
      state = now;
      hashing = hashed(path, size);
      hashing.catch(() => {
        hashing = null;
      });
    }
    return hashing;
  };
}

async function hashed(path: string, bytes: number): Promise<KnownFile> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { path, sha256: hash.digest('hex'), bytes };
}
