/** Finds the Caddy binary and asks it for its version. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The path of the binary for a setting: `auto` is `ORCA_CADDY`, else `caddy` on the PATH; anything else is a path.
 * Throws with what to do when there is none.
 */
export function findCaddy(setting: string, env: NodeJS.ProcessEnv): string {
  if (setting.startsWith('docker:'))
    throw new Error(`caddy = "${setting}" is not supported yet; use "auto" or a path`);
  const wanted = setting === 'auto' ? env.ORCA_CADDY || 'caddy' : setting;
  if (isAbsolute(wanted)) {
    if (isExecutable(wanted)) return wanted;
    throw new Error(`there is no Caddy at ${wanted}; mend \`caddy\` in cluster.toml [proxy]`);
  }
  const folders = [...(env.PATH ?? '').split(delimiter), '/usr/local/bin', '/usr/bin'].filter(
    (f) => f !== '',
  );
  const found = folders.map((folder) => join(folder, wanted)).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `no ${wanted} on the PATH; install it (apt-get install caddy) or name one in cluster.toml [proxy]`,
  );
}

/** The version such as `2.6.2`, or null when the binary doesn't say (a build by `go install` says `unknown`). */
export async function caddyVersion(binary: string): Promise<string | null> {
  const short = await output(binary, 'version');
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(short)?.[1];
  if (version !== undefined) return version;
  const long = await output(binary, 'build-info');
  return /caddyserver\/caddy\/v2\s+v(\d+\.\d+\.\d+\S*)/.exec(long)?.[1] ?? null;
}

/** The names of its modules below `dns.providers`; null when the binary doesn't say. */
export async function dnsProviders(binary: string): Promise<string[] | null> {
  const modules = (await output(binary, 'list-modules')).split('\n').map((line) => line.trim());
  if (!modules.includes('http')) return null;
  return modules.flatMap((line) => /^dns\.providers\.([\w.-]+)$/.exec(line)?.[1] ?? []).sort();
}

/** What differs between versions of Caddy. */
export interface CaddyTraits {
  /** A request's body is still there after a refused connection: mended within 2.11.0 to 2.11.4 (Caddy's source). */
  keepsBodies: boolean;
  /** A connection that is accepted and has sent no request yet is served though another config is loaded, so that a load costs no
   *  handshake: not with the current Go, whose `Shutdown` closes it; known of 2.6, and not taken for granted of what lies between. */
  servesAccepted: boolean;
  /** `stream_close_delay` (2.7): upgraded connections outlive a load, and are counted on. */
  keepsStreams: boolean;
}

/** Whether a Caddy of this version asks at each handshake, as far as it is known (see tls). */
export const asksForCertificates = (version: string | null): boolean =>
  version !== null && !caddyTraits(version).servesAccepted;

/** An unknown version has none of them. */
export function caddyTraits(version: string | null): CaddyTraits {
  const [major = 0, minor = 0, patch = 0] = (version ?? '')
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  if (major !== 2) return { keepsBodies: major > 2, servesAccepted: false, keepsStreams: major > 2 };
  return {
    keepsBodies: minor > 11 || (minor === 11 && patch >= 4),
    servesAccepted: minor <= 6,
    keepsStreams: minor >= 7,
  };
}

async function output(binary: string, command: string): Promise<string> {
  const result = await run(binary, [command], { timeout: 10_000, maxBuffer: 8 * 1024 * 1024 }).catch(
    () => null,
  );
  return result?.stdout ?? '';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
