/** What an upgrade leaves for the next start: who is on probation, who goes back, and what is shown of it. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { openPrograms, type Programs } from '../../../agent/programs.js';
import { openUpgrades } from '../../../agent/upgrade.js';
import { waitFor } from '../../support/wait-for.js';

const NEW = 'agent-bbbbbbbbbbbb';
const OLD = 'agent-aaaaaaaaaaaa';
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A home with both programs, in which `own` runs. */
function aHome(t: Test, own: string): { home: string; programs: Programs } {
  const home = mkdtempSync(join(tmpdir(), 'orca-upgrade-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  for (const name of [OLD, NEW]) mkdirSync(join(home, 'programs', name, 'dist'), { recursive: true });
  for (const name of ['agent', 'run']) mkdirSync(join(home, name));
  writeFileSync(join(home, 'run/keeper.pid'), `${process.ppid}\n`);
  writeFileSync(join(home, 'programs', own, 'dist/main.js'), '');
  symlinkSync(join(home, 'programs', own), join(home, 'program'));
  const programs = openPrograms(home, join(home, 'programs', own, 'dist/main.js'));
  if (!programs) throw new Error('it is none of its programs');
  return { home, programs };
}

const record = (home: string, more: object): void =>
  writeFileSync(
    join(home, 'agent/upgrade.json'),
    JSON.stringify({
      from: OLD,
      to: NEW,
      version: '2',
      starts: 0,
      state: 'probation',
      reason: null,
      ...more,
    }),
  );

async function started(t: Test, own: string, more: object | null, probationMs = 60_000) {
  const { home, programs } = aHome(t, own);
  if (more) record(home, more);
  let restarts = 0;
  const upgrades = await openUpgrades({
    ...{ home, programs, log, probationMs, masterUrl: 'wss://127.0.0.1:1/agent' },
    credentials: { ca: '', cert: '', key: '' },
    restart: () => {
      restarts += 1;
    },
  });
  t.teardown(() => upgrades.stop());
  const chosen = (): string => basename(readlinkSync(join(home, 'program')));
  return { home, upgrades, chosen, restarts: () => restarts };
}

t.test('an agent that was not put there, or that nobody keeps, can not be upgraded', async (t) => {
  const { home } = aHome(t, NEW);
  t.equal(openPrograms(home), null, 'it runs from elsewhere');
  rmSync(join(home, 'run/keeper.pid'));
  t.equal(openPrograms(home, join(home, 'programs', NEW, 'dist/main.js')), null);
});

t.test('the new one is on probation, and stays once a master has taken it', async (t) => {
  const { home, upgrades, chosen, restarts } = await started(t, NEW, {});
  t.match(upgrades.observed(), { version: '2', state: 'starting' });
  t.match(JSON.parse(readFileSync(join(home, 'agent/upgrade.json'), 'utf8')), { starts: 1 });
  upgrades.accepted();
  t.equal(upgrades.observed(), null);
  t.same([chosen(), restarts()], [NEW, 0]);
});

t.test('without a session in time it chooses what ran before', async (t) => {
  const { upgrades, chosen, restarts } = await started(t, NEW, {}, 10);
  await waitFor('its end', () => restarts() === 1);
  t.equal(chosen(), OLD);
  t.match(upgrades.observed(), { state: 'failed', reason: /no session with the master within/ });
});

t.test('one that dies again and again does so too', async (t) => {
  const { chosen, restarts } = await started(t, NEW, { starts: 3 });
  t.same([chosen(), restarts()], [OLD, 1]);
});

t.test('the one that came back says why, and so does one that was killed before the change', async (t) => {
  const back = await started(t, OLD, { state: 'failed', reason: 'it got no session' });
  t.match(back.upgrades.observed(), { version: '2', state: 'failed', reason: 'it got no session' });
  const killed = await started(t, OLD, {});
  t.match(killed.upgrades.observed(), { state: 'failed', reason: /ended before/ });
});
