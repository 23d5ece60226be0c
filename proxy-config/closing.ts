/** Has the clients of a running Caddy come back on new connections (`closing-route`), for the moment before a load. Never throws. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CLOSING_FILE } from './closing-route.js';

export interface Closing {
  /** Tells them, and resolves once those that ask all the time have heard it; at once where nobody is connected. */
  begin(ports: readonly number[]): Promise<void>;
  /** Also what another agent has begun. */
  end(): void;
}

/** How long they are told. Who asks more rarely is told by a closed connection, as by any server's idle timeout. */
const TELL_MS = 500;
const ESTABLISHED = '01';

/** `folder`: of the route's file. */
export function createClosing(folder: string): Closing {
  const file = join(folder, CLOSING_FILE);
  return {
    async begin(ports) {
      if (!(await isConnected(ports))) return;
      try {
        writeFileSync(file, '', { mode: 0o600 });
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, TELL_MS));
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

/** Whether a connection to one of these ports of this host is open; where the kernel does not say so as Linux does, it may be. */
async function isConnected(ports: readonly number[]): Promise<boolean> {
  const local = ports.map((port) => port.toString(16).toUpperCase().padStart(4, '0')).join('|');
  const open = new RegExp(`^ *\\d+: [0-9A-F]+:(${local}) [0-9A-F]+:[0-9A-F]+ ${ESTABLISHED} `, 'm');
  try {
    const tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(`/proc/self/net/${name}`, 'utf8')),
    );
    return tables.some((table) => open.test(table));
  } catch {
    return true;
  }
}
