/** The binary of Caddy on a host: where it is, which modules of DNS providers it has, and what it answers a command. */
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
  const found = onPath(wanted, env);
  if (found !== null) return found;
  throw new Error(
    `no ${wanted} on the PATH; install it (apt-get install caddy) or name one in cluster.toml [proxy]`,
  );
}

/** Where a program of that name is; null: nowhere. */
export function onPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const folders = [...(env.PATH ?? '').split(delimiter), '/usr/local/bin', '/usr/bin'];
  return (
    folders
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, name))
      .find(isExecutable) ?? null
  );
}

/** The names of its modules below `dns.providers`; null when the binary doesn't say. */
export async function dnsProviders(
  binary: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string[] | null> {
  const modules = (await caddyOutput(binary, 'list-modules', env)).split('\n').map((line) => line.trim());
  if (!modules.includes('http')) return null;
  return modules.flatMap((line) => /^dns\.providers\.([\w.-]+)$/.exec(line)?.[1] ?? []).sort();
}

/** What it prints for a command; empty when it fails. */
export async function caddyOutput(
  binary: string,
  command: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const result = await run(binary, [command], { timeout: 10_000, maxBuffer: 8 * 1024 * 1024, env }).catch(
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
