/** The options of `npm run bench --`; anything else is refused with how to call it. */
import { parseArgs } from 'node:util';

export const benchmarkNames = [
  'deploy',
  'replace',
  'throughput',
  'memory',
  'canary',
  'split',
  'simulation',
  'swarm',
  'webhooks',
  'carry',
] as const;
export type BenchmarkName = (typeof benchmarkNames)[number];

export interface Options {
  /** In the order in which they run. */
  names: BenchmarkName[];
  /** Null: each benchmark's own number. */
  rounds: number | null;
  /** Write the tables into docs/benchmarks.md. */
  write: boolean;
}

export const usage = `npm run bench -- [--only ${benchmarkNames.join('|')}]… [--rounds N] [--write]`;

/** Throws an Error that ends with the usage. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const wanted = values.only ?? [...benchmarkNames];
  for (const name of wanted) {
    if (!benchmarkNames.some((known) => known === name)) {
      throw new Error(`no benchmark is called ${name}\n${usage}`);
    }
  }
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0)) {
    throw new Error(`--rounds takes a whole number above 0\n${usage}`);
  }
  return { names: benchmarkNames.filter((name) => wanted.includes(name)), rounds, write: values.write };
}
