/**
 * Fetches a program from the master over the node's own identity, and unpacks it beside the others. It has the SHA-256 that
 * the master named, or it is thrown away. `tar` is what install.sh unpacks with too.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Identity } from '../shared/identity-files.js';
import { pinnedName } from '../shared/pinned-name.js';
import type { Upgrade } from '../shared/upgrade.js';

const IDLE_MS = 30_000;
const run = promisify(execFile);

/** Answers the folder below `into` that it is in. Rejects with what is wrong with it. */
export async function fetchProgram(
  masterUrl: string,
  { sha256, bytes }: Pick<Upgrade, 'sha256' | 'bytes'>,
  identity: Identity,
  into: string,
): Promise<string> {
  const archive = join(into, 'agent.tar.gz');
  const hash = createHash('sha256');
  let size = 0;
  const checked = new Transform({
    transform(chunk: Buffer, _, done) {
      size += chunk.length;
      hash.update(chunk);
      done(
        size > bytes
          ? new Error(`what the master sent is larger than the ${bytes} bytes it announced`)
          : null,
        chunk,
      );
    },
  });
  const url = new URL(`/node/files/${sha256}`, masterUrl.replace(/^wss:/, 'https:'));
  await pipeline(await get(url, identity), checked, createWriteStream(archive, { mode: 0o600 }));
  if (hash.digest('hex') !== sha256)
    throw new Error('what the master sent is not what it announced (another SHA-256)');
  const folder = join(into, 'program');
  await mkdir(folder);
  await run('tar', ['-xzf', archive, '--no-same-owner', '-C', folder]).catch((cause: Error) => {
    throw new Error(`it could not be unpacked: ${cause.message}`, { cause });
  });
  return folder;
}

function get(url: URL, { ca, cert, key }: Identity): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, cert, key, ...pinnedName(url.hostname), agent: false }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.resume();
      reject(new Error(`the master answered ${response.statusCode}`));
    });
    sent.setTimeout(IDLE_MS, () => sent.destroy(new Error('no answer from the master')));
    sent.on('error', reject);
    sent.end();
  });
}
