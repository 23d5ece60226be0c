/** A command line run in this process: what it wrote, and how to press Ctrl-C. */
import type { Io } from '../../../cli/io.js';
import { run } from '../../../cli/run.js';

export interface RunOptions {
  home: string;
  cwd?: string;
  env?: Record<string, string>;
  terminal?: boolean;
  /** What standard input holds. */
  stdin?: string;
  /** What a person at the terminal answers to a question; absent: there is nobody. */
  says?: boolean;
}

export interface Running {
  out(): string;
  err(): string;
  interrupt(): void;
  exit: Promise<number>;
}

/** Starts it. */
export function start(argv: string[], options: RunOptions): Running {
  const written = { out: '', err: '' };
  const interrupts = new Set<() => void>();
  const io: Io = {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    outBytes: async (bytes) => {
      written.out += Buffer.from(bytes).toString('latin1');
    },
    readSecret: async () => options.stdin ?? '',
    confirm: async () => options.says ?? null,
    env: { ORCA_HOME: options.home, PATH: process.env.PATH, ...options.env },
    cwd: options.cwd ?? options.home,
    isTerminal: options.terminal ?? false,
    columns: 120,
    rows: 40,
    onInterrupt(act) {
      interrupts.add(act);
      return () => void interrupts.delete(act);
    },
  };
  return {
    out: () => written.out,
    err: () => written.err,
    interrupt: () => {
      for (const act of interrupts) act();
    },
    exit: run(argv, io),
  };
}

/** Runs it to its end. */
export async function orca(
  argv: string[],
  options: RunOptions,
): Promise<{ exit: number; out: string; err: string }> {
  const running = start(argv, options);
  const exit = await running.exit;
  return { exit, out: running.out(), err: running.err() };
}
