/**
 * Lines that change: on a terminal rewritten in place, elsewhere a line is printed once for each change of its text, so
 * that a log of CI shows every step once.
 */
import type { Io } from './io.js';

export interface LiveLine {
  /** What the line is about; the same thing has the same key in the next update. */
  key: string;
  text: string;
}

export interface Live {
  update(lines: LiveLine[]): void;
  /** A line that stays, above the ones that change. */
  print(text: string): void;
  /** Leaves the last state on the screen; later output goes below it. */
  end(): void;
}

export function createLive(io: Io): Live {
  return io.isTerminal ? inPlace(io) : oneByOne(io);
}

function inPlace(io: Io): Live {
  let shown: string[] = [];
  const erase = (): string => (shown.length === 0 ? '' : `\x1b[${shown.length}A\r\x1b[J`);
  const draw = (lines: string[]): string => lines.map((line) => `${line}\n`).join('');
  return {
    update(lines) {
      const fitting = lines.slice(0, Math.max(1, io.rows - 2)).map((line) => cut(line.text, io.columns - 1));
      if (fitting.length === shown.length && fitting.every((line, index) => line === shown[index])) return;
      io.out(`${erase()}${draw(fitting)}`);
      shown = fitting;
    },
    print(text) {
      io.out(`${erase()}${text}\n${draw(shown)}`);
    },
    end() {
      shown = [];
    },
  };
}

function oneByOne(io: Io): Live {
  const last = new Map<string, string>();
  return {
    update(lines) {
      for (const { key, text } of lines) {
        if (last.get(key) === text) continue;
        last.set(key, text);
        io.out(`${text}\n`);
      }
    },
    print: (text) => io.out(`${text}\n`),
    end() {},
  };
}

/** Cuts to a width; our own colour codes take none. */
function cut(text: string, width: number): string {
  let room = width;
  let out = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colour codes
  for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith('\x1b[')) out += part;
    else {
      out += part.slice(0, Math.max(0, room));
      room -= part.length;
    }
  }
  return out;
}
