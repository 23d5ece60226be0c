/**
 * No request is lost: under keep-alive, think-time, new-connection, HTTP/2, POST, 1.5 s, event-stream and WebSocket load, with an app
 * that exits at once on SIGTERM. A failure prints the whole account.
 */
import t from 'tap';
import { nodeAppImage } from '../support/images.js';
import { describeLoad, fullMix, startLoad } from '../support/load.js';
import { lossless } from '../support/lossless.js';
import { startOrca } from '../support/orca.js';
import { isAlive, killHard } from '../support/processes.js';
import { serviceToml } from '../support/service-toml.js';
import { waitFor } from '../support/wait-for.js';

const ROLLS = 20;

const orca = await startOrca();
t.teardown(() => orca.stop());
for (const release of ['a', 'b']) {
  await nodeAppImage({ tag: `orca-e2e/roll:${release}`, env: { RELEASE: release } });
}
const rolling = (image: string, deploy: string[] = []) => ({
  name: 'roll',
  image: `orca-e2e/roll:${image}`,
  domain: 'roll.localhost',
  replicas: 3,
  deploy,
});
const file = (image: string, deploy?: string[]) =>
  serviceToml(rolling(image, deploy), { name: 'other', image: 'orca-e2e/roll:a', domain: 'other.localhost' });

await orca.deployed(file('a'));
const load = { target: orca.target('roll.localhost'), mix: fullMix, lifetimeMs: 2_500 };

t.test(
  `${ROLLS} rolling updates, one at a time and all at once, lose nothing and cut nothing`,
  { timeout: 900_000 },
  async (t) => {
    await lossless(t, load, async () => {
      for (let roll = 1; roll <= ROLLS; roll += 1) {
        const surge = roll > ROLLS / 2 ? ['max_surge = 3'] : [];
        const result = await orca.deploy(file(roll % 2 ? 'b' : 'a', surge));
        t.equal(result.code, 0, `update ${roll}: ${result.stdout}${result.stderr}`);
      }
    });
    t.equal((await orca.containers({ 'orca.service': 'roll' })).length, 3);
  },
);

t.test(
  'scaling up and down, a rollback, and another service that stops and starts lose nothing',
  async (t) => {
    await lossless(t, load, async () => {
      for (const args of [
        ['scale', 'roll', '5'],
        ['scale', 'roll', '2'],
        ['scale', 'roll', '3'],
        ['rollback', 'roll'],
        ['stop', 'other'],
        ['start', 'other'],
      ]) {
        const result = await orca.run(args);
        t.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
        await orca.serviceThat(
          'roll',
          'to be settled',
          (seen) => seen.status === 'running' && seen.allocations.length === seen.replicas,
        );
      }
    });
  },
);

t.test('kill -9 and restart of master and agent lose nothing, also in the middle of an update', async (t) => {
  await lossless(t, load, async () => {
    await killHard(orca.pid('server'));
    await orca.startServer();
    const agent = orca.pid('agent');
    await killHard(agent);
    await waitFor('another agent', () => orca.pid('agent') !== agent);
    await ready();
    const before = (await orca.service('roll')).release;
    const started = await orca.deploy(file(await otherImage()), ['--detach']);
    t.equal(started.code, 0, started.stdout + started.stderr);
    await orca.serviceThat('roll', 'to be replaced in part', (seen) =>
      seen.allocations.some(({ release }) => release !== before),
    );
    await killHard(orca.pid('server'));
    await killHard(orca.pid('agent'));
    await orca.startServer();
    await orca.serviceThat(
      'roll',
      'to be updated',
      (seen) => seen.status === 'running' && seen.allocations.length === 3,
    );
  });
});

t.test('a WebSocket that stays open is cut by its drain deadline only', async (t) => {
  const short = ['drain_timeout_secs = 4'];
  t.equal((await orca.deploy(file(await currentImage(), short))).code, 0);
  const sockets = await startLoad({
    target: orca.target('roll.localhost'),
    mix: { socket: 20 },
    lifetimeMs: 3_600_000,
  });
  const draining = watchDrains();
  const result = await orca.deploy(file(await otherImage(), short));
  t.equal(result.code, 0, result.stdout + result.stderr);
  const report = await sockets.stop();
  const drains = await draining.stop();
  t.ok(report.cuts.length > 0, 'they were open on the old release');
  for (const cut of report.cuts) {
    const began = drains.get(cut.host) ?? Number.NaN;
    t.ok(cut.atMs - began >= 4_000, `${cut.host}: cut ${cut.atMs - began} ms after its drain began`);
  }
  t.equal(report.failed, report.cuts.length, describeLoad(report));
});

t.test('the server stops at SIGTERM, and what it runs is served on', async (t) => {
  await lossless(t, load, async () => {
    const pid = orca.pid('server');
    await orca.stopServer();
    t.notOk(isAlive(pid));
    await orca.startServer();
    await ready();
  });
});

async function ready(): Promise<void> {
  await waitFor('the node to be ready', async () => (await orca.status()).nodes[0]?.state === 'ready');
  await orca.serviceThat('roll', 'to run', (seen) => seen.status === 'running');
}

async function currentImage(): Promise<'a' | 'b'> {
  return (await orca.service('roll')).image.endsWith(':a') ? 'a' : 'b';
}

async function otherImage(): Promise<'a' | 'b'> {
  return (await currentImage()) === 'a' ? 'b' : 'a';
}

/** Container host name → when its allocation was first seen draining, looked at all the while. */
function watchDrains(): { stop(): Promise<Map<string, number>> } {
  const began = new Map<string, number>();
  const hosts = new Map<string, string>();
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      for (const { Id, Labels } of await orca.containers({ 'orca.service': 'roll' })) {
        hosts.set(Labels['orca.allocation'] ?? '', Id.slice(0, 12));
      }
      for (const { id, state, since } of (await orca.service('roll')).allocations) {
        const host = hosts.get(id);
        if (state === 'draining' && host && !began.has(host)) began.set(host, Date.parse(since));
      }
    }
    return began;
  })();
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}
