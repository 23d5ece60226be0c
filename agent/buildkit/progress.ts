/**
 * What BuildKit says of its steps, as lines of a log: each step has a number in the order of its beginning, and what it prints goes after that number.
 * Bounded by `createLines`, whatever is printed. PURE.
 */
import { createLines, type Lines } from '../build/lines.js';
import { type Field, has, readFields, textOf } from './protobuf.js';

export interface Progress {
  /** A `StatusResponse` of BuildKit (api/services/control/control.proto). */
  add(message: Buffer): void;
  /** What has no end of line is a line too. */
  end(): void;
}

interface Step {
  number: number;
  lines: Lines;
  state: 'begun' | 'ended';
}

const VERTEXES = 1;
const LOGS = 3;
const WARNINGS = 4;

export function createProgress(onLine: (text: string) => void): Progress {
  const steps = new Map<string, Step>();
  const stepOf = (digest: string, name: string): Step => {
    const known = steps.get(digest);
    if (known) return known;
    const number = steps.size + 1;
    const step: Step = { number, lines: createLines((text) => onLine(`#${number} ${text}`)), state: 'begun' };
    steps.set(digest, step);
    onLine(`#${number} ${name.slice(0, 1_000)}`);
    return step;
  };
  const vertex = (fields: Field[]): void => {
    const digest = textOf(fields, 1);
    const [isCached, hasBegun, hasEnded] = [
      fields.some(({ number, value }) => number === 4 && value === 1),
      has(fields, 5),
      has(fields, 6),
    ];
    if (!hasBegun && !isCached) return;
    const step = stepOf(digest, oneLine(textOf(fields, 3)));
    if (!hasEnded || step.state === 'ended') return;
    step.state = 'ended';
    step.lines.end();
    const error = textOf(fields, 7);
    if (error !== '') onLine(`#${step.number} ERROR: ${oneLine(error).slice(0, 1_000)}`);
    else if (isCached) onLine(`#${step.number} CACHED`);
  };
  return {
    add(message) {
      const all = readFields(message);
      for (const { bytes } of all.filter(({ number }) => number === VERTEXES)) vertex(readFields(bytes));
      for (const { bytes } of all.filter(({ number }) => number === LOGS)) {
        const fields = readFields(bytes);
        stepOf(textOf(fields, 1), 'a step').lines.add(textOf(fields, 4));
      }
      for (const { bytes } of all.filter(({ number }) => number === WARNINGS))
        onLine(`warning: ${oneLine(textOf(readFields(bytes), 3))}`);
    },
    end() {
      for (const { lines } of steps.values()) lines.end();
    },
  };
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
