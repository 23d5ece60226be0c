/** Has the clients of a running Caddy come back on new connections (`closing-route`), for the moment before a load. Never throws. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLOSING_FILE } from './closing-route.js';

export interface Closing {
  /** Tells them, and resolves once every connection that was open has ended, or has had time to hear it. */
  begin(ports: readonly number[]): Promise<void>;
  /** Also what another agent has begun. */
  end(): void;
}

/** How long they are told at most. Who asks more rarely is told by a closed connection, as by any server's idle timeout. */
const TELL_MS = 500;
const LOOK_MS = 25;
const ESTABLISHED = '01';

/** `folder`: of the route's file. */
export function createClosing(folder: string): Closing {
  const file = join(folder, CLOSING_FILE);
  return {
    async begin(ports) {
      if ((await openConnections(ports))?.size === 0) return;
      try {
        writeFileSync(file, '', { mode: 0o600 });
      } catch {
        return;
      }
      // What is opened from here on hears it with its first answer.
      await untilGone(await openConnections(ports), ports);
    },
    end() {
      try {
        rmSync(file, { force: true });
      } catch {
        // A disk that refuses: it is tried again with the next look.
      }
    },
  };
}

/** Removes the file when it is older than any load takes. Never throws. */
export function dropStale(file: string, olderMs: number): void {
  try {
    if (Date.now() - statSync(file).mtimeMs > olderMs) rmSync(file, { force: true });
  } catch {
    // There is none.
  }
}

/** Null: nobody knows which there are, so that all are given the time. */
async function untilGone(told: ReadonlySet<string> | null, ports: readonly number[]): Promise<void> {
  const giveUpAtMs = Date.now() + TELL_MS;
  while (Date.now() < giveUpAtMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const open = await openConnections(ports);
    if (told !== null && open !== null && ![...told].some((one) => open.has(one))) return;
  }
}

/** The connections to these ports of this host, as the kernel names them; null: it does not say so as Linux does. */
async function openConnections(ports: readonly number[]): Promise<ReadonlySet<string> | null> {
  const local = ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')).join('|');
  const open = new RegExp(`^ *\\d+: ([0-9A-F]+:(?:${local}) [0-9A-F]+:[0-9A-F]+) ${ESTABLISHED} `, 'gm');
  try {
    const tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(`/proc/self/net/${name}`, 'utf8')),
    );
    return new Set(tables.flatMap((table) => [...table.matchAll(open)].map(([, pair]) => pair as string)));
  } catch {
    return null;
  }
}
