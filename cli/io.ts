/** What a command may touch of the process it runs in: so that tests run commands without one. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { OrcaError } from '../shared/errors.js';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Bytes beside no text: resolves when there is room for more. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Standard input to its end; on a terminal one line, after `prompt`, that is not shown. */
  readSecret(prompt: string): Promise<string>;
  /** Whether a person at the terminal said yes; null: nobody is there to be asked. */
  confirm(question: string): Promise<boolean | null>;
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
    readSecret: (prompt) => (process.stdin.isTTY ? readHidden(prompt) : text(process.stdin)),
    confirm: async (question) =>
      process.stdin.isTTY && process.stderr.isTTY ? await askYes(question) : null,
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

function readHidden(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    lines.once('SIGINT', () => process.exit(130));
    lines.once('close', () => reject(new OrcaError('USAGE', 'nothing was typed; nothing was changed')));
    lines.question('', (line) => {
      resolve(line);
      lines.close();
      process.stderr.write('\n');
    });
  });
}

function askYes(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    lines.once('SIGINT', () => process.exit(130));
    lines.once('close', () => resolve(false));
    lines.question(question, (line) => {
      resolve(/^y(es)?$/i.test(line.trim()));
      lines.close();
    });
  });
}
