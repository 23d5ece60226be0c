/** Companions with a real process: `sleep` and `false`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createCompanion } from '../../../proxy-config/companion.js';
import { ingressPaths } from '../../../proxy-config/paths.js';
import { findCaddy } from '../../../shared/caddy-binary.js';
import { identityOf, isAlive } from '../../../shared/process-identity.js';

function aFolder() {
  const directory = mkdtempSync(join(tmpdir(), 'orca-companion-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return { pidFile: join(directory, 'pid'), outFile: join(directory, 'out') };
}
const sleep = { file: 'sleep', args: ['300'], env: process.env };

t.test('a live one is adopted, a dead one is noticed', async (t) => {
  const files = aFolder();
  let exits = 0;
  let noticed = () => {};
  const exited = new Promise<void>((resolve) => {
    noticed = resolve;
  });
  const first = createCompanion({ ...files, onExit: () => {} });
  t.equal(first.start(sleep), true);
  t.equal(first.start(sleep), false, 'one lives already');
  const identity = first.identity();
  first.stop();
  const second = createCompanion({
    ...files,
    onExit: () => {
      exits += 1;
      noticed();
    },
  });
  t.same(second.identity(), identity);
  second.kill('SIGKILL');
  await exited;
  t.equal(second.identity(), null);
  t.equal(exits, 1);
  second.stop();
});

t.test('a reused pid is not mistaken for it', async (t) => {
  const files = aFolder();
  writeFileSync(files.pidFile, JSON.stringify({ pid: process.pid, startTicks: '1' }));
  const companion = createCompanion({ ...files, onExit: () => {} });
  t.equal(companion.identity(), null);
  companion.stop();
  const me = identityOf(process.pid);
  t.equal(me && isAlive(me), true);
});

t.test('one that was asked to end may start again at once, however often', async (t) => {
  let died = () => {};
  const companion = createCompanion({ ...aFolder(), onExit: () => died() });
  t.teardown(() => companion.stop());
  for (let i = 0; i < 4; i += 1) {
    const exited = new Promise<void>((resolve) => {
      died = resolve;
    });
    t.equal(companion.start(sleep), true);
    companion.kill('SIGTERM');
    await exited;
  }
});

t.test('quick deaths back off, and what it said is kept', async (t) => {
  const files = aFolder();
  let died = () => {};
  const companion = createCompanion({ ...files, onExit: () => died() });
  for (let i = 0; i < 2; i += 1) {
    const exited = new Promise<void>((resolve) => {
      died = resolve;
    });
    t.equal(companion.start({ file: 'sh', args: ['-c', 'echo why; exit 1'], env: process.env }), true);
    await exited;
  }
  t.equal(companion.lastOutput(), 'why');
  t.ok(companion.notBeforeMs() > Date.now());
  t.equal(companion.start(sleep), false);
  companion.stop();
});

t.test('a program that is not there is an error', async (t) => {
  const companion = createCompanion({ ...aFolder(), onExit: () => {} });
  t.throws(() => companion.start({ file: '/nowhere/x', args: [], env: {} }), /cannot run/);
  companion.stop();
});

t.test(
  'Caddy is found on the PATH, by ORCA_CADDY, or by its path; else the error says what to do',
  async (t) => {
    t.equal(findCaddy('auto', { ORCA_CADDY: '/bin/sh' }), '/bin/sh');
    t.equal(findCaddy('/bin/sh', { ORCA_CADDY: '/nowhere' }), '/bin/sh');
    t.throws(() => findCaddy('/nowhere/caddy', {}), /no Caddy at \/nowhere/);
    t.throws(() => findCaddy('auto', { ORCA_CADDY: 'no-such-caddy', PATH: '/bin' }), /apt-get install caddy/);
    t.throws(() => findCaddy('docker:caddy:2', {}), /not supported/);
  },
);

t.test('a home that is too long for a socket is refused', async (t) => {
  t.throws(() => ingressPaths(`/${'x'.repeat(90)}`), { code: 'CONFIG_INVALID', message: /too long/ });
  t.ok(ingressPaths('/var/lib/orca').adminSocket);
});
