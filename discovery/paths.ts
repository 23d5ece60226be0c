/** Where names keep their things below the Orca home, and what of the host is ours, so that it can be given back. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, tryWriteJsonFile } from '../proxy-config/json-file.js';
import { fingerprint } from '../shared/fingerprint.js';

export interface DiscoveryPaths {
  directory: string;
  socket: string;
  pid: string;
  out: string;
  /** What is claimed of the host: uninstalling reads it. */
  claim: string;
  /** The chain of packet rules, of this node alone. */
  chain: string;
}

export function discoveryPaths(home: string, nodeId: string): DiscoveryPaths {
  const directory = join(home, 'discovery');
  const at = (name: string): string => join(directory, name);
  return {
    directory,
    socket: at('names.sock'),
    pid: at('names.pid'),
    out: join(home, 'logs', 'discovery.out'),
    claim: at('claim.json'),
    chain: `ORCA-${fingerprint({ home, nodeId }).slice(0, 12)}`,
  };
}

export interface Claim {
  readonly chain: string;
  /** The range that is claimed; null: none. */
  range(): string | null;
  /** Said before it is done, so that nothing is left behind. */
  keep(range: string): void;
  drop(): void;
}

/** Makes the folders too. */
export function openClaim({ directory, out, claim, chain }: DiscoveryPaths): Claim {
  for (const folder of [directory, join(out, '..')]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { range } = (readJsonFile(claim) ?? {}) as { range?: string };
  let claimed = range ?? null;
  return {
    chain,
    range: () => claimed,
    keep(next) {
      if (claimed === next) return;
      tryWriteJsonFile(claim, { chain, range: next });
      claimed = next;
    },
    drop() {
      rmSync(claim, { force: true });
      claimed = null;
    },
  };
}
