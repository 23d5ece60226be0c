/**
 * `npm run bench [-- --write] [--only deploy,replace,throughput,memory] [--rounds N]`: measures Orca beside what it is compared
 * with, on this machine, in one run, and prints the ratios. `--write` keeps them in docs/benchmarks.md.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dockerJson, testDocker } from '../test/support/docker.js';
import { nodeAppImage } from '../test/support/images.js';
import { type Orca, startOrca } from '../test/support/orca.js';
import { repository } from '../test/support/source-tree.js';
import { benchDeploy } from './deploy.js';
import { benchMemory } from './memory.js';
import { benchReplace } from './replace.js';
import type { Section } from './table.js';
import { benchThroughput } from './throughput.js';

const image = 'orca-bench/app:1';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      write: { type: 'boolean' },
      only: { type: 'string' },
      rounds: { type: 'string', default: '12' },
    },
  });
  const rounds = Number(values.rounds);
  const benches: Record<string, (orca: Orca) => Promise<Section>> = {
    deploy: (orca) => benchDeploy(orca, image, rounds),
    replace: (orca) => benchReplace(orca, image, rounds),
    memory: benchMemory,
    throughput: (orca) => benchThroughput(orca, image, [1, 30, 90], Math.ceil(rounds / 2)),
  };
  const chosen = values.only?.split(',') ?? Object.keys(benches);
  await nodeAppImage({ tag: image, env: { RELEASE: 'bench' } });
  const sections: Section[] = [];
  for (const name of chosen) {
    const bench = benches[name];
    if (!bench) throw new Error(`no bench ${name}; there are ${Object.keys(benches).join(', ')}`);
    // One each, so that none measures what another left behind.
    const orca = await startOrca();
    try {
      const section = await bench(orca);
      sections.push(section);
      console.log(text(section));
    } finally {
      await orca.stop();
    }
  }
  if (values.write) await write(sections);
}

function text({ title, how, table }: Section): string {
  return `## ${title}\n\n${how}\n\n${table}\n`;
}

async function write(sections: Section[]): Promise<void> {
  const { Version } = await dockerJson<{ Version: string }>('GET', '/version');
  const caddy = execFileSync(process.env.ORCA_TEST_CADDY ?? 'caddy', ['version'], {
    encoding: 'utf8',
  }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const head = [
    '# Benchmarks',
    'Written by `npm run bench -- --write`; never by hand. Each row compares two things that were measured in turns in one run on one machine, so the ratio is what counts: the figures of another machine differ. Figures are medians (least–greatest).',
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}; Docker Engine ${Version}, Caddy ${caddy.split(' ')[0]}, Node ${process.versions.node}.`,
  ];
  writeFileSync(
    join(repository, 'docs/benchmarks.md'),
    `${[...head, ...sections.map(text)].join('\n\n').trim()}\n`,
  );
  console.log(`written to docs/benchmarks.md (Docker: ${testDocker()})`);
}

await main();
