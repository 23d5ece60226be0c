/** The agent's log: one JSON object a line, with its time, level and message; the starter says where the lines go. */
import type { Log } from '../shared/log.js';

/** `write` gets each line without its newline. */
export function createLog(write: (line: string) => void): Log {
  const at =
    (level: string) =>
    (data: object, message: string): void =>
      write(JSON.stringify({ at: new Date().toISOString(), level, message, ...data }));
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
