/**
 * TLS-ALPN-01 without a load of Caddy's config: CertMagic, by which Caddy keeps certificates, answers a challenge that another
 * instance with the same storage has begun (its "distributed solving"; 2.6.2 and 2.11.9). Here Orca is that other instance: a
 * file in Caddy's storage is an answer. Caddy itself orders nothing: `ISSUER` only says under which key it looks.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Challenge } from './route.js';

/** A CA that there is not; its host and path are the folder's name. */
const ISSUER = { module: 'acme', ca: 'https://orca.internal/directory' };
const FOLDER = join('acme', 'orca.internal-directory', 'challenge_tokens');
const NAME = /^[a-z0-9][a-z0-9.-]*$/;

/** The part of Caddy's policy for certificates by which it finds the files. */
export const challengeIssuers = (): object[] => [ISSUER];

/**
 * What makes the files those of the challenges for handshakes; the others, and what is left of before, go. Never throws: records
 * are published in the same pass. What the disk refuses is tried again with the next one, and who orders sees that nothing answers.
 */
export function handshakeAnswers(storageRoot: string): (challenges: readonly Challenge[]) => void {
  let last: string | null = null;
  return (challenges) => {
    const json = JSON.stringify(challenges);
    if (json === last) return;
    try {
      write(storageRoot, challenges);
      last = json;
    } catch {
      last = null;
    }
  };
}

function write(storageRoot: string, challenges: readonly Challenge[]): void {
  const folder = join(storageRoot, FOLDER);
  const wanted = new Map(
    challenges.flatMap(({ name, token, content }) =>
      name !== null && NAME.test(name) ? [[`${name}.json`, textOf(name, token, content)]] : [],
    ),
  );
  if (wanted.size > 0) mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const left of filesIn(folder)) if (!wanted.has(left)) rmSync(join(folder, left), { force: true });
  for (const [file, text] of wanted) writeFileSync(join(folder, file), text, { mode: 0o600 });
}

/** As CertMagic stores a challenge of its own (its acme.Challenge). */
const textOf = (name: string, token: string, keyAuthorization: string): string =>
  JSON.stringify({
    type: 'tls-alpn-01',
    ...{ url: '', status: 'pending', token, keyAuthorization },
    identifier: { type: 'dns', value: name },
  });

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
