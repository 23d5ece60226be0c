/**
 * Replaces this agent by what the master serves: fetched, checked, unpacked and tried beside what runs, then chosen by one
 * rename, and started by who starts this agent. Containers are not touched. What is new is on probation until a master has
 * taken it: without a session within half a minute, or by its third start, it chooses what ran before again. A kill at any line
 * leaves a whole program chosen.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { messageOf } from '../shared/errors.js';
import { type IdentityPaths, readIdentity } from '../shared/identity-files.js';
import type { Log } from '../shared/log.js';
import { programName, type Upgrade, type UpgradeObserved } from '../shared/upgrade.js';
import { fetchProgram } from './fetch-program.js';
import { writeAtomic } from './memory.js';
import type { Programs } from './programs.js';

export interface Upgrades {
  begin(wanted: Upgrade): void;
  /** A master has taken this agent: it stays. */
  accepted(): void;
  /** Null: none is under way, and the last one did not fail. */
  observed(): UpgradeObserved | null;
  /** Calls `listener` at each change of `observed()`; one listener. */
  watch(listener: () => void): void;
  stop(): void;
}

export interface UpgradeOptions {
  home: string;
  masterUrl: string;
  credentials: IdentityPaths;
  programs: Programs;
  /** Ends this process, so that the chosen program is started. */
  restart: () => void;
  log: Log;
  probationMs?: number;
}

/** Well below `lost_after`: what a host runs is not placed elsewhere for an upgrade that went wrong. */
const PROBATION_MS = 30_000;
const MAX_STARTS = 3;
const TRY_MS = 60_000;
const run = promisify(execFile);

const recordSchema = z.object({
  ...{ from: z.string(), to: z.string(), version: z.string(), starts: z.number().int() },
  state: z.enum(['probation', 'failed']),
  reason: z.string().nullable(),
});
type UpgradeRecord = z.infer<typeof recordSchema>;

/** Reads what an upgrade before this start has left; may end this process again, to go back. */
export async function openUpgrades(options: UpgradeOptions): Promise<Upgrades> {
  const { home, programs, log } = options;
  const file = join(home, 'agent', 'upgrade.json');
  let record = await readRecord(file);
  let current: UpgradeObserved | null = null;
  let isBusy = false;
  let heard: () => void = () => undefined;
  let probation: NodeJS.Timeout | null = null;
  const show = (seen: UpgradeObserved | null): void => {
    current = seen;
    if (seen) log.info({ ...seen }, 'upgrade');
    heard();
  };
  const keep = async (next: UpgradeRecord): Promise<void> => {
    record = next;
    await writeAtomic(file, JSON.stringify(next));
  };
  const fail = (of: UpgradeRecord, reason: string): Promise<void> => {
    show({ version: of.version, state: 'failed', reason: reason.slice(0, 2_000) });
    return keep({ ...of, state: 'failed', reason: reason.slice(0, 2_000) });
  };

  const goBack = async (of: UpgradeRecord, why: string): Promise<void> => {
    if (!existsSync(programs.pathOf(of.from)))
      return fail(of, `${why}; what ran before is gone, so that it stays`);
    await fail(of, why);
    await programs.choose(of.from);
    options.restart();
  };
  const onProbation = async (of: UpgradeRecord): Promise<void> => {
    const starts = of.starts + 1;
    await keep({ ...of, starts });
    show({ version: of.version, state: 'starting', reason: null });
    if (starts > MAX_STARTS)
      return goBack(of, `it was started ${MAX_STARTS} times and got no session with the master`);
    const waitMs = options.probationMs ?? PROBATION_MS;
    const late = `it got no session with the master within ${waitMs / 1_000} s`;
    probation = setTimeout(
      () => void goBack(of, late).catch((error) => log.error({ reason: messageOf(error) }, late)),
      waitMs,
    );
  };

  const replace = async (wanted: Upgrade): Promise<void> => {
    const to = programName(wanted.sha256);
    const { version } = wanted;
    // What a killed upgrade has left, and what ran before the one before.
    await programs.keepOnly([programs.own]);
    const staging = await mkdtemp(join(programs.folder, '.upgrade-'));
    try {
      show({ version, state: 'fetching', reason: null });
      const identity = await readIdentity(options.credentials);
      const fetched = await fetchProgram(options.masterUrl, wanted, identity, staging);
      show({ version, state: 'trying', reason: null });
      await tryOut(fetched, home);
      // Whatever was left under that name is whole or was spoilt since; nothing runs from it but this very program.
      await rm(programs.pathOf(to), { recursive: true, force: true });
      await rename(fetched, programs.pathOf(to));
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
    await run('sync', ['-f', programs.folder]).catch(() => undefined);
    await keep({ from: programs.own, to, version, starts: 0, state: 'probation', reason: null });
    await programs.choose(to);
    show({ version, state: 'starting', reason: null });
    options.restart();
  };

  if (record?.state === 'probation' && record.to === programs.own) await onProbation(record);
  else if (record?.state === 'probation')
    await fail(record, 'it was ended before the new program was chosen');
  else if (record && record.to !== programs.own)
    current = { version: record.version, state: 'failed', reason: record.reason };
  return {
    observed: () => current,
    watch(listener) {
      heard = listener;
    },
    begin(wanted) {
      if (isBusy || programName(wanted.sha256) === programs.own) return;
      isBusy = true;
      const of = { from: programs.own, to: programName(wanted.sha256), version: wanted.version, starts: 0 };
      replace(wanted)
        .catch((error) => fail({ ...of, state: 'failed', reason: null }, messageOf(error)))
        .catch((error) =>
          log.error({ reason: messageOf(error) }, 'an upgrade failed, which could not be written down'),
        )
        .finally(() => {
          isBusy = false;
        });
    },
    accepted() {
      if (!probation || !record) return;
      clearTimeout(probation);
      probation = null;
      const { from, to } = record;
      show(null);
      rm(file, { force: true })
        .then(() => programs.keepOnly([from, to]))
        .catch((error) =>
          log.warn({ reason: messageOf(error) }, 'what an upgrade has left could not be removed'),
        );
    },
    stop() {
      if (probation) clearTimeout(probation);
    },
  };
}

/** Its whole start but for what only one can do: its reason when that does not go well. */
async function tryOut(program: string, home: string): Promise<void> {
  const args = [join(program, 'dist/cli/main.js'), 'agent', '--home', home, '--try'];
  await run(process.execPath, args, { timeout: TRY_MS }).catch(
    (cause: { stderr?: string; message: string }) => {
      const said = (cause.stderr ?? '').split('\n').filter((line) => /error/i.test(line));
      throw new Error(`it does not start here: ${said[0] ?? cause.message}`, { cause });
    },
  );
}

async function readRecord(file: string): Promise<UpgradeRecord | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}
