/**
 * Frames that should not be, by the thousand, against a live master and a live agent over real mutual TLS: the code that
 * docs/protocol.md promises for each, nothing that grows, and nobody else who notices. `ORCA_FUZZ_FRAMES` frames in all, from
 * `ORCA_FUZZ_SEED`: the same seed makes the same frames.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openAuthority } from '../../master/authority.js';
import { writeIdentity } from '../../shared/identity-files.js';
import { enrolNodes } from '../support/enrolled-nodes.js';
import { aHello, fakeAgent } from '../support/fake-agent.js';
import { freePorts } from '../support/free-port.js';
import { type FuzzCount, fuzz } from '../support/fuzz-driver.js';
import { textFrame } from '../support/fuzz-frames.js';
import { request } from '../support/https-request.js';
import { type Cost, type LiveProgram, liveProgram } from '../support/live-program.js';
import { rawMaster } from '../support/raw-master.js';
import { openRaw } from '../support/raw-websocket.js';
import { waitFor } from '../support/wait-for.js';
import { anAssignment } from '../unit/agent/an.js';

const seed = Number(process.env.ORCA_FUZZ_SEED ?? randomInt(2 ** 30));
const frames = Number(process.env.ORCA_FUZZ_FRAMES ?? 20_000);
const cli = fileURLToPath(new URL('../../cli/orca.js', import.meta.url));
const hurrying = fileURLToPath(new URL('../support/agent-that-hurries.js', import.meta.url));
const LANES = 8;
/** What a program may have more at the end than after the first part, in which it has come to its size. */
/** Megabytes of heap, beyond which Node.js ends the program: what it has not collected yet makes RSS come and go by less. */
const HEAP = '--max-old-space-size=128';
const GROWTH = { residentMb: 120, homeKiB: 4_096, logBytesPerFrame: 200 };
const ANSWER_MS = 5_000;

t.comment(`seed ${seed}, ${frames} frames`);

t.test(
  'a live master closes each with its code, and serves everybody else',
  { timeout: 900_000 },
  async (t) => {
    const program = liveProgram();
    t.teardown(() => program.stop());
    const { home } = program;
    mkdirSync(home, { mode: 0o700 });
    const identities = await enrolNodes(home, join(home, 'nodes'), LANES + 1);
    const contexts = identities.map((identity) => createSecureContext(identity));
    const [port = 0] = await freePorts(1);
    program.start([HEAP, cli, 'server', '--home', home, '--listen', `127.0.0.1:${port}`, '--no-agent']);
    const ca = identities[0]?.ca ?? '';
    // On one connection, which is among the files counted before and after.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const health = () => request({ host: '127.0.0.1', port, path: '/api/v1/health', ca, agent });
    await waitFor('the API to answer', async () => (await health()).status === 200);
    const bystander = await fakeAgent({ home: join(home, 'nodes'), folder: String(LANES), port });
    bystander.obey();
    const watch = watched(health);

    const flood = (from: number, amount: number) =>
      fuzz({
        ...{ sender: 'agent', seed: from, frames: amount, lanes: LANES },
        open: async (lane) =>
          openRaw({ port, path: '/agent', secureContext: contexts[lane] ?? createSecureContext() }),
        hello: JSON.stringify(aHello()),
      });
    const first = await flood(seed, frames / 10);
    const before = await settled(program);
    const rest = await flood(seed + frames, frames * 0.5);
    await holds(t, program, before, rest);
    tell(t, first, rest);
    const slowest = await watch.end();
    t.ok(
      slowest.ms < ANSWER_MS,
      `the slowest of ${slowest.asked} GET /health took ${slowest.ms.toFixed(0)} ms`,
    );
    t.equal(bystander.closed, null, 'the session of another agent stays');
    const heard = bystander.received.length;
    bystander.send({ type: 'ping', number: 1 });
    await bystander.until('its pong', () => bystander.received.length > heard);
    await bystander.close();
  },
);

t.test(
  'a live agent closes each with its code, and is there for the next master',
  { timeout: 900_000 },
  async (t) => {
    const program = liveProgram();
    t.teardown(() => program.stop());
    const folder = join(program.home, 'agent');
    mkdirSync(folder, { recursive: true });
    const authority = openAuthority(program.home, Date.now());
    const issued = authority.issueNode('n-00000000', Date.now());
    writeIdentity(folder, { ca: authority.caPem, cert: issued.certPem, key: issued.keyPem });
    const { certPem, keyPem } = authority.issueServer(['127.0.0.1'], Date.now());
    const master = await rawMaster({ ca: authority.caPem, cert: certPem, key: keyPem });
    t.teardown(() => master.stop());
    program.start([HEAP, hurrying, program.home, master.url]);

    const flood = (from: number, amount: number) =>
      fuzz({
        sender: 'master',
        seed: from,
        frames: amount,
        lanes: 1,
        open: () => master.session(),
        hello: null,
      });
    const first = await flood(seed, frames / 10);
    const before = await settled(program);
    const rest = await flood(seed + frames, frames * 0.3);
    await holds(t, program, before, rest);
    tell(t, first, rest);
    const session = await master.session();
    session.write(textFrame('master', JSON.stringify(anAssignment({ cluster: 'another', revision: 1 }))));
    await waitFor('its receipt', () =>
      session.texts().some((one) => /"receipt","revision":1,"accepted":true/.test(one)),
    );
  },
);

/** What it costs once the sessions of before are over. */
async function settled(program: LiveProgram): Promise<Cost> {
  let last = program.cost();
  await waitFor(
    'its sessions to be over',
    () => {
      const now = program.cost();
      const isSame = now.openFiles === last.openFiles && now.logKiB === last.logKiB;
      last = now;
      return isSame;
    },
    { everyMs: 1_500 },
  );
  return last;
}

async function holds(t: Test, program: LiveProgram, before: Cost, { frames }: FuzzCount): Promise<void> {
  // A peer that does not end its half of a closed connection may keep it for the 30 s that ws gives it.
  await waitFor('its sockets to be those of before', () => program.cost().openFiles <= before.openFiles, {
    timeoutMs: 45_000,
  });
  const after = await settled(program);
  t.comment(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  t.ok(after.residentMb <= before.residentMb + GROWTH.residentMb, 'its memory is what it was');
  t.ok(after.homeKiB <= before.homeKiB + GROWTH.homeKiB, 'its store is as large as before');
  const logged = ((after.logKiB - before.logKiB) * 1_024) / frames;
  t.ok(logged <= GROWTH.logBytesPerFrame, `${logged.toFixed(0)} bytes of log a frame`);
  t.notMatch(
    program.log(),
    /uncaught|unhandled|RangeError|TypeError/i,
    'and nothing in it that nobody has thought of',
  );
}

function tell(t: Test, ...counts: FuzzCount[]): void {
  for (const what of ['kinds', 'codes'] as const) {
    const sum = new Map<string, number>();
    for (const count of counts) for (const [key, n] of count[what]) sum.set(key, (sum.get(key) ?? 0) + n);
    t.comment(
      `${what}: ${[...sum]
        .sort((a, b) => b[1] - a[1])
        .map(([key, n]) => `${key} ${n}`)
        .join(', ')}`,
    );
  }
}

/** Asks again and again, each time after the answer. */
function watched(ask: () => Promise<{ status: number }>) {
  const slowest = { ms: 0, asked: 0 };
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver) {
      const from = performance.now();
      const { status } = await ask();
      if (status !== 200) throw new Error(`GET /health: ${status}`);
      slowest.ms = Math.max(slowest.ms, performance.now() - from);
      slowest.asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const ended = loop();
  ended.catch(() => undefined);
  return {
    async end() {
      isOver = true;
      await ended;
      return slowest;
    },
  };
}
