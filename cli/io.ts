/** What a command may touch of the process it runs in: so that tests run commands without one. */

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Bytes beside no text: resolves when there is room for more. */
  outBytes(bytes: Uint8Array): Promise<void>;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** True when `out` is a terminal; then it has `columns` and `rows`. */
  isTerminal: boolean;
  columns: number;
  rows: number;
  /** Calls `act` on Ctrl-C instead of ending the process; returns how to undo that. */
  onInterrupt(act: () => void): () => void;
}

/** The real one. A reader that goes away (`orca status | head`) ends the process without a stack trace. */
export function processIo(): Io {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outBytes: (bytes) =>
      new Promise((resolve, reject) =>
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve())),
      ),
    env: process.env,
    cwd: process.cwd(),
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 80,
    rows: process.stdout.rows ?? 24,
    onInterrupt(act) {
      process.on('SIGINT', act);
      return () => void process.off('SIGINT', act);
    },
  };
}
