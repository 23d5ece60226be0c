/** Has the clients of a running Caddy come back on new connections (`closing-route`), for the moment before a load. Never throws. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLOSING_FILE } from './closing-route.js';

export interface Closing {
  /** Tells them, and resolves once those that ask all the time have heard it. */
  begin(): Promise<void>;
  /** Also what another agent has begun. */
  end(): void;
}

/**
 * Who asks more rarely is told by a closed connection, as by any server's idle timeout. A fixed time: to look in `/proc/net/tcp` who is
 * still connected was tried, and on a busy machine with thousands of short connections no load came within 15 s (3 of 3 runs).
 */
const TELL_MS = 300;

/** `folder`: of the route's file. */
export function createClosing(folder: string): Closing {
  const file = join(folder, CLOSING_FILE);
  return {
    async begin() {
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
