/**
 * `npm run bench`: what Orca costs, each figure beside what it is measured against, in one run on one machine. Starts real
 * Orcas in temporary homes and leaves nothing behind; prints only what it has measured.
 */
import { benchCanary } from './canary.js';
import { benchCarry } from './carry.js';
import { benchDeploy } from './deploy.js';
import { writeReport } from './document.js';
import { machineFacts } from './machine.js';
import { benchMemory } from './memory.js';
import { type BenchmarkName, parseOptions } from './options.js';
import { type Progress, showProgress } from './progress.js';
import { benchReplace } from './replace.js';
import { printed, type Report } from './report.js';
import { benchSimulation } from './simulation.js';
import { benchSplit } from './split.js';
import { benchSwarm } from './swarm.js';
import { benchThroughput } from './throughput.js';
import { benchWebhooks } from './webhooks.js';

const benchmarks: Record<
  BenchmarkName,
  { rounds: number; run: (rounds: number, progress: Progress) => Promise<Report> }
> = {
  deploy: { rounds: 10, run: benchDeploy },
  replace: { rounds: 10, run: benchReplace },
  throughput: { rounds: 5, run: benchThroughput },
  memory: { rounds: 10, run: benchMemory },
  canary: { rounds: 7, run: benchCanary },
  split: { rounds: 10, run: benchSplit },
  simulation: { rounds: 20, run: benchSimulation },
  swarm: { rounds: 3, run: benchSwarm },
  carry: { rounds: 5, run: benchCarry },
  webhooks: { rounds: 10, run: benchWebhooks },
};

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const machine = await machineFacts();
  console.log(`${machine}\n`);
  for (const name of options.names) {
    const { rounds, run } = benchmarks[name];
    const report = await run(options.rounds ?? rounds, showProgress(process.stderr));
    console.log(`\n${printed(report)}\n`);
    if (options.write) writeReport(report, `${new Date().toISOString().slice(0, 10)} on ${machine}`);
  }
}

main().catch((error: unknown) => {
  console.error(`\nbench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
