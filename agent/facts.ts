/**
 * Everything the plan is a function of, apart from the assignment and the time: what was observed of the engine, and what
 * came of the steps so far. The converger alone writes it; the plan reads.
 */

import type { BuildObserved } from '../shared/build.js';
import type { Carry } from '../shared/carry.js';
import type { Assignment, ImageKeep, SentSecrets } from '../shared/protocol.js';
import type { ObservedContainer, ObservedImage, ObservedNetwork } from './engine.js';

/** How a running container answers. `condemned`: its liveness failed, it is to be replaced. */
export interface Health {
  phase: 'starting' | 'ready' | 'unready';
  /** Null when ready. */
  reason: string | null;
  condemned: string | null;
}

/** A step that the engine refused: its words, how often in a row, and when it last did. */
export interface StepFailure {
  message: string;
  count: number;
  atMs: number;
}

export interface LastExit {
  /** The container that ended. */
  container: string;
  exitCode: number | null;
  lines: string[];
}

export interface Facts {
  containers: Map<string, ObservedContainer>;
  /** By name. */
  networks: Map<string, ObservedNetwork>;
  /** Tags below `orca.local/` → image id. */
  tags: Map<string, string>;
  /** Those of them that this node's assignments asked for: another cluster's on the same engine are not ours to drop. */
  ownTags: Set<string>;
  /** What image wants resolved to, by the want's id. */
  resolved: Map<string, ObservedImage>;
  /** What is built here, by the want's id. */
  builds: Map<string, BuildObserved>;
  /** Image ids a container could not be made from because they are not on this node. */
  missing: Set<string>;
  /** Container names that the engine said are taken, by something that is not this cluster's. */
  taken: Set<string>;
  /** Percent of pulls under way, by step key. */
  percents: Map<string, number>;
  /** What a step under way is at, in words, by step key. */
  doing: Map<string, string>;
  /** What the master says of images that no registry has. */
  carry: Carry;
  /** The tags that keep images here. */
  keep: ImageKeep[];
  /** By step key. */
  failures: Map<string, StepFailure>;
  health: Map<string, Health>;
  /** Last log lines of ended containers, by container id. */
  logs: Map<string, string[]>;
  lastExits: Map<string, LastExit>;
  /** The highest attempt seen, by allocation: numbers go on when a container was removed by hand. */
  attempts: Map<string, number>;
  /** Values of secrets, by id: in memory, and sealed on disk. Never in a step, a label, a log or an answer. */
  secrets: SentSecrets;
  /** Who pulls, by registry; in memory only. */
  registries: NonNullable<Assignment['registries']>;
}

export function emptyFacts(): Facts {
  return {
    containers: new Map(),
    networks: new Map(),
    tags: new Map(),
    ownTags: new Set(),
    resolved: new Map(),
    builds: new Map(),
    missing: new Set(),
    taken: new Set(),
    percents: new Map(),
    doing: new Map(),
    carry: { watch: [], fetch: [], serve: [] },
    keep: [],
    failures: new Map(),
    health: new Map(),
    logs: new Map(),
    lastExits: new Map(),
    attempts: new Map(),
    secrets: {},
    registries: {},
  };
}
