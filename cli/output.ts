/**
 * The one printer. Colour only on a terminal and without NO_COLOR; errors as `error: …` and `hint: …` on stderr; nothing
 * that a server or a user wrote reaches the terminal with its control characters.
 */
import { createRequire } from 'node:module';
import picocolors from 'picocolors';
import { errorTable, messageOf, OrcaError } from '../shared/errors.js';
import { clean } from './clean.js';
import type { Io } from './io.js';

export type Colors = ReturnType<typeof picocolors.createColors>;

export interface Output {
  colors: Colors;
  line(text?: string): void;
  /** A line beside the result (progress, notes): on stderr, so that a pipe gets the result alone. */
  note(text: string): void;
  /** A borderless table; cells may hold our own colours. */
  table(head: string[], rows: string[][]): void;
  json(value: unknown): void;
  /** One value a line, for streams. */
  jsonLine(value: unknown): void;
  error(error: unknown): void;
}

export function createOutput(io: Io): Output {
  const colors = picocolors.createColors(hasColor(io));
  const output: Output = {
    colors,
    line: (text = '') => io.out(`${text}\n`),
    note: (text) => io.err(`${text}\n`),
    table: (head, rows) =>
      io.out(
        tableText(
          head.map((name) => colors.dim(name)),
          rows,
        ),
      ),
    json: (value) => io.out(`${printable(JSON.stringify(value, null, 2))}\n`),
    jsonLine: (value) => io.out(`${printable(JSON.stringify(value))}\n`),
    error: (error) => printError(error, io, colors),
  };
  return output;
}

function hasColor(io: Io): boolean {
  return io.isTerminal && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb';
}

function printError(error: unknown, io: Io, colors: Colors): void {
  const known = error instanceof OrcaError ? error : null;
  const lines = clean(messageOf(error)).split('\n');
  for (const line of lines) io.err(`${colors.red('error:')} ${line}\n`);
  io.err(`${colors.cyan('hint:')} ${clean(known?.hint ?? errorTable.INTERNAL.hint)}\n`);
  const defect = known?.code === 'MASTER_UNREACHABLE' ? known.cause : known ? null : error;
  if (defect instanceof Error && (io.env.ORCA_DEBUG ?? '') !== '') io.err(`${clean(defect.stack ?? '')}\n`);
}

/** Loaded when the first table is printed: most command lines print none. */
function tableText(head: string[], rows: string[][]): string {
  const Table = createRequire(import.meta.url)('cli-table3') as typeof import('cli-table3');
  const table = new Table({
    head,
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(...rows);
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const noBorders = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((name) => [name, '']),
);

/** JSON escapes C0 already; this escapes DEL, C1 and what turns the direction of text, which terminals obey too. The value stays the same. */
function printable(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
