/**
 * The test bed by hand: `npm run testbed -- up 3`, `status`, `exec HOST -- CMD`, `cut HOST`, `heal HOST`, `slow HOST DELAY LOSS`,
 * `down`. One bed a checkout; it stays until `down`, which also removes what a killed `up` or a killed test left.
 */
import { spawnSync } from 'node:child_process';
import { type BedHost, buildBed, checkMachine, openBed, type Testbed } from './testbed.js';
import { claimBed, isAbandoned, type KnownBed, ownBeds } from './testbed-claim.js';
import { answers } from './testbed-daemon.js';
import { isCut } from './testbed-network.js';
import { pidsOf, removeBed } from './testbed-removal.js';

const USAGE = 'up N | down | status | exec HOST -- COMMAND | cut HOST | heal HOST | slow HOST DELAY LOSS';
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

async function main([verb, ...args]: string[]): Promise<number> {
  const [host = '', ...rest] = args;
  if (verb === 'up') return up(Number(host || 3));
  if (verb === 'down') return down();
  if (verb === 'status') return status(current());
  if (verb === 'exec') return execute(current().host(host), rest[0] === '--' ? rest.slice(1) : rest);
  if (verb === 'cut') current().host(host).cut();
  else if (verb === 'heal') current().host(host).heal();
  else if (verb === 'slow')
    current()
      .host(host)
      .slow(rest[0] ?? '200ms', rest[1] ?? '0%');
  else throw new Error(`usage: npm run testbed -- ${USAGE}`);
  return 0;
}

/** What is there as asked is left alone; anything else of an earlier `up` is removed first. */
async function up(hosts: number): Promise<number> {
  checkMachine(hosts);
  const before = handMade();
  if (before && before.hosts === hosts && (await isWhole(openBed(before.names.id, hosts)))) {
    return status(openBed(before.names.id, hosts));
  }
  if (before) removeBed(before.names.id);
  const { id } = claimBed(hosts, true);
  const interrupted = (): never => {
    removeBed(id);
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted).once('SIGHUP', interrupted);
  try {
    return await status(await buildBed(id, hosts));
  } catch (error) {
    removeBed(id);
    throw error;
  }
}

function down(): number {
  const beds = ownBeds().filter((bed) => bed.owner === null || isAbandoned(bed));
  for (const { names } of beds) removeBed(names.id);
  say(beds.length === 0 ? 'nothing to remove' : `removed ${beds.map((bed) => bed.names.root).join(', ')}`);
  return 0;
}

async function status(bed: Testbed): Promise<number> {
  say(`${bed.names.root}  ${bed.names.subnet}.0/24, from here over ${bed.names.link}`);
  for (const host of bed.hosts) {
    const docker = (await answers(host)) ? 'Docker answers' : 'Docker does not answer';
    const processes = pidsOf(bed.names, [host.namespace]).length;
    const link = isCut(bed.names, host) ? 'cut off' : 'connected';
    say(`${host.name}  ${host.address}  ${link}  ${docker}  ${processes} processes  ${host.docker}`);
  }
  return 0;
}

async function isWhole(bed: Testbed): Promise<boolean> {
  return (await Promise.all(bed.hosts.map(answers))).every(Boolean);
}

/** With its Docker, and a home of Orca's in its folder. */
function execute(host: BedHost, command: string[]): number {
  const [program = '', ...args] = host.enter(command.length > 0 ? command : ['sh']);
  const { docker, folder } = host;
  const env = { ...process.env, DOCKER_HOST: docker, ORCA_DOCKER: docker, ORCA_HOME: `${folder}/orca` };
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', env });
  if (error) throw error;
  return status ?? 1;
}

function current(): Testbed {
  const bed = handMade();
  if (!bed) throw new Error('there is no test bed: npm run testbed -- up 3');
  return openBed(bed.names.id, bed.hosts);
}

const handMade = (): KnownBed | undefined => ownBeds().find(({ owner }) => owner === null);

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`testbed: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  },
);
