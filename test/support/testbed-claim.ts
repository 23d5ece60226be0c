/**
 * Which beds there are on this machine, and how a new one gets a subnet that nobody has: its folder appears by one rename,
 * with everything in it that is needed to remove it, so that two who claim at once never get the same.
 */
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isAlive } from './processes.js';
import { type BedNames, bedNames } from './testbed-names.js';
import { run } from './testbed-run.js';

export interface BedRecord {
  /** The checkout that it was made from: nobody else's beds are ever touched. */
  checkout: string;
  /** The process whose end is the bed's end, as pid and start (pids are used again); null: made by hand, stays. */
  owner: { pid: number; start: string } | null;
  hosts: number;
}

export interface KnownBed extends BedRecord {
  names: BedNames;
}

const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));

/** Claims a free subnet; `stays`: beyond the end of this process. */
export function claimBed(hosts: number, stays: boolean): BedNames {
  const owner = stays ? null : { pid: process.pid, start: startOf(process.pid) };
  const record: BedRecord = { checkout: CHECKOUT, owner, hosts };
  const folder = mkdtempSync('/tmp/.orca-bed-');
  writeFileSync(`${folder}/bed.json`, JSON.stringify(record));
  const routes = run('ip', ['-4', 'route', 'show', 'table', 'all']);
  for (let tries = 0; tries < 1_000; tries += 1) {
    const names = bedNames(`${hex(randomInt(64, 128))}${hex(randomInt(0, 256))}`);
    if (!routes.includes(`${names.subnet}.`) && moved(folder, names.root)) return names;
  }
  rmSync(folder, { recursive: true });
  throw new Error('no subnet of 10.64.0.0/10 is free');
}

/** The beds of this checkout. */
export function ownBeds(): KnownBed[] {
  return readdirSync('/tmp').flatMap((entry) => {
    const id = /^orca-bed-([0-9a-f]{4})$/.exec(entry)?.[1];
    const record = id === undefined ? null : recordOf(`/tmp/${entry}/bed.json`);
    return id !== undefined && record?.checkout === CHECKOUT ? [{ ...record, names: bedNames(id) }] : [];
  });
}

/** Its owner was killed, and whatever should have removed it too. */
export function isAbandoned({ owner }: BedRecord): boolean {
  return owner !== null && !(isAlive(owner.pid) && startOf(owner.pid) === owner.start);
}

function recordOf(file: string): BedRecord | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BedRecord;
  } catch {
    return null;
  }
}

/** False when it is taken: a folder that has something in it is not replaced. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)), counted after the name, which may hold anything. */
function startOf(pid: number): string {
  try {
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')[19] ?? ''
    );
  } catch {
    return '';
  }
}

const hex = (octet: number): string => octet.toString(16).padStart(2, '0');
