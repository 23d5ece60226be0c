/**
 * A bounded queue between an agent that sends log lines and a reader of the API. A reader that is too slow is told so
 * and cut off; it never makes the session wait.
 */
import type { LogLine } from '../../shared/protocol.js';

export interface LogStream extends AsyncIterable<LogLine[]> {
  push(lines: LogLine[]): void;
  /** No more lines; `reason` is given to the reader as a last line when it is not null. */
  end(reason: string | null): void;
}

const MAX_WAITING_LINES = 20_000;
const MAX_WAITING_CHARS = 32 * 1024 * 1024;

/** `onClose` is called once, when the reader goes away or the stream has been read to its end. */
export function createLogStream(onClose: () => void): LogStream {
  const waiting: LogLine[][] = [];
  let lines = 0;
  let chars = 0;
  let ended = false;
  let wakeReader: (() => void) | null = null;

  const end = (reason: string | null): void => {
    if (ended) return;
    ended = true;
    if (reason !== null) waiting.push([{ atMs: Date.now(), stream: 'stderr', text: `orca: ${reason}` }]);
    wakeReader?.();
  };
  const push = (batch: LogLine[]): void => {
    if (ended) return;
    waiting.push(batch);
    lines += batch.length;
    chars += charsOf(batch);
    if (lines > MAX_WAITING_LINES || chars > MAX_WAITING_CHARS)
      end('the reader was too slow; the log was cut here');
    wakeReader?.();
  };
  async function* read(): AsyncGenerator<LogLine[]> {
    try {
      for (;;) {
        const batch = waiting.shift();
        if (batch) {
          lines -= batch.length;
          chars -= charsOf(batch);
          yield batch;
        } else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
      }
    } finally {
      ended = true;
      onClose();
    }
  }
  return { push, end, [Symbol.asyncIterator]: read };
}

const charsOf = (batch: readonly LogLine[]): number => batch.reduce((sum, { text }) => sum + text.length, 0);
