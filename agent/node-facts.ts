/** What a node says of itself in hello. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  arch,
  availableParallelism,
  hostname,
  networkInterfaces,
  platform,
  release,
  totalmem,
} from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeFacts } from '../shared/protocol.js';
import type { AgentSettings } from './settings.js';

export function nodeFacts({ name, advertise }: AgentSettings): NodeFacts {
  const builds = hasGit();
  return {
    name: name || hostname(),
    address: advertise ?? ownAddress(),
    version: orcaVersion(dirname(fileURLToPath(import.meta.url))),
    os: `${platform()} ${release()}`,
    arch: arch(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    pid: process.pid,
    recalls: true,
    secrets: true,
    httpOnly: true,
    carries: true,
    builds,
    reads: builds,
    confines: true,
  };
}

/** Git takes its configuration from the environment since 2.31, which is how builds keep it from everything else. */
function hasGit(): boolean {
  try {
    const said = execFileSync('git', ['--version'], { encoding: 'utf8', timeout: 5_000, stdio: 'pipe' });
    const [, major, minor] = /(\d+)\.(\d+)/.exec(said) ?? [];
    return Number(major) * 1_000 + Number(minor) >= 2_031;
  } catch {
    return false;
  }
}

/** The first address that is not a loopback or one of Docker's bridges. */
function ownAddress(): string {
  const all = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(lo|docker|br-|veth)/.test(name))
    .flatMap(([, addresses]) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** The version in the nearest package.json above: the same from the sources and from a build. */
function orcaVersion(folder: string): string {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    return version;
  } catch {
    return dirname(folder) === folder ? 'unknown' : orcaVersion(dirname(folder));
  }
}
