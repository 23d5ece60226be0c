/** Where and with what a benchmark ran, in a line: figures mean nothing without it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { dockerJson } from '../test/support/docker.js';
import { runCommand } from './command.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A sentence on the machine, and one on the versions. Reads the load average, so ask before the benchmarks start. */
export async function machineFacts(): Promise<string> {
  const memoryGib = Math.round(os.totalmem() / 2 ** 30);
  const load = os.loadavg().map((value) => value.toFixed(1));
  const engine = await dockerJson<{ Version: string; ApiVersion: string }>('GET', '/version');
  const cpu = os.cpus()[0]?.model.trim() ?? 'unknown CPU';
  return [
    `${os.cpus().length} × ${cpu}, ${memoryGib} GiB, ${distribution()}, Linux ${os.release()}; load average at the start ${load[0]}.`,
    `Orca ${version()}, Node ${process.versions.node}, Docker Engine ${engine.Version} (API ${engine.ApiVersion}), Caddy ${await caddyVersion()}.`,
  ].join(' ');
}

function version(): string {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };
  try {
    const commit = execFileSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
    return `${version} (${commit.trim()})`;
  } catch {
    return version;
  }
}

/** `caddy version` says `unknown` of a build by `go install`; its build information has the number. */
async function caddyVersion(): Promise<string> {
  const binary = process.env.ORCA_TEST_CADDY ?? 'caddy';
  const said = (await runCommand(binary, ['version'])).split(' ')[0]?.trim() ?? '';
  if (/\d/.test(said)) return said.replace(/^v/, '');
  const info = await runCommand(binary, ['build-info']);
  return /github\.com\/caddyserver\/caddy\/v2\s+v(\S+)/.exec(info)?.[1] ?? 'unknown';
}

function distribution(): string {
  try {
    return /PRETTY_NAME="(.+)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.platform();
  } catch {
    return os.platform();
  }
}
