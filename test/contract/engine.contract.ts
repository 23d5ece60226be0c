/**
 * What every engine promises the agent: one suite, run on the fake and on real Docker. A difference between the two is a
 * defect of one of them.
 */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { pack } from 'tar-stream';
import {
  type ContainerRequest,
  type Engine,
  EngineError,
  type EngineErrorKind,
  type EngineEvent,
} from '../../agent/engine.js';
import { containerLabels, networkName } from '../../agent/labels.js';
import type { LogLine } from '../../shared/protocol.js';
import { waitFor } from '../support/wait-for.js';
import { anAllocation } from '../unit/agent/an.js';

export interface EngineUnderTest {
  engine: Engine;
  /** An image whose default command stays up and ends on SIGTERM, by reference and id. */
  image: { ref: string; id: string };
  publishAddress: string;
  /** Commands that make a container say `one` and `two` on stdout, then end with code 3. */
  talk: string[];
  /** A command for `exec` that ends with 0 and prints `fine`, and one that ends with 1. */
  well: string[];
  ill: string[];
  kill(id: string): Promise<void>;
}

const never = new AbortController().signal;

/** Runs the contract. Each run has a cluster of its own, and leaves nothing behind. */
export async function engineContract(t: Test, under: EngineUnderTest): Promise<void> {
  const { engine, image } = under;
  const cluster = `contract-${randomBytes(4).toString('hex')}`;
  const named = (n: number): string => `${cluster}.api.${n}`;
  const network = networkName(cluster, 'shop');
  const made = await engine.createNetwork(cluster, 'shop', network);
  t.teardown(async () => {
    for (const { id } of await engine.containers(cluster)) {
      await engine.stop(id, 0);
      await engine.remove(id);
    }
    await engine.removeNetwork(made.id);
    if ((await engine.networks(cluster)).length > 0) throw new Error('the network is still there');
  });

  const request = (id: string, overrides: Partial<ContainerRequest> = {}, command?: string[]) => {
    const container = { image: image.ref, port: 8080, command: command ?? null, env: { KEY: 'a=b' } };
    const allocation = anAllocation({ id, imageId: image.id, container });
    const { publishAddress } = under;
    return {
      cluster,
      network,
      publishAddress,
      dns: null,
      name: `orca-${id}`,
      attempt: 1,
      level: 0,
      allocation,
      env: container.env,
      mounts: [],
      files: [],
      ...overrides,
    };
  };
  const started = async (id: string, command?: string[]): Promise<string> => {
    const container = await engine.create(request(id, {}, command));
    await engine.start(container);
    return container;
  };
  const ended = (id: string) =>
    waitFor(`${id} to end`, async () => {
      const container = await engine.container(id);
      return container?.state === 'exited' ? container : null;
    });

  await t.test('says its version', async (t) => {
    const { version, apiVersion, bridgeAddress } = await engine.version();
    t.ok(version && apiVersion);
    t.match(bridgeAddress, /^\d+\.\d+\.\d+\.\d+$/);
  });

  await t.test('a network is listed with its project and addresses, and made only once', async (t) => {
    t.match(made, { name: network, project: 'shop', subnet: /^[\d.]+\/\d+$/ });
    t.same(await engine.networks(cluster), [made]);
    await refuses(t, engine.createNetwork(cluster, 'shop', network), 'conflict');
  });

  await t.test('a container is created, started, stopped and removed, and seen in each state', async (t) => {
    const wanted = request(named(1), { attempt: 3, level: 2 });
    const id = await engine.create(wanted);
    t.match(await engine.container(id), {
      id,
      name: `orca-${named(1)}`,
      cluster,
      project: 'shop',
      service: 'api',
      allocation: named(1),
      attempt: 3,
      level: 2,
      state: 'created',
      startedAtMs: null,
      exitCode: null,
    });
    const { labels, env } = (await engine.madeWith(id)) ?? { labels: {}, env: [] };
    t.match(labels, containerLabels(cluster, wanted.allocation, 3, 2));
    t.ok(env.includes('KEY=a=b'));
    t.equal(await engine.madeWith('no-such-container'), null);
    await engine.start(id);
    const running = await engine.container(id);
    t.match(running, { state: 'running', startedAtMs: Number, finishedAtMs: null, address: /./ });
    t.match(running?.ports, [{ container: 8080, protocol: 'tcp', hostAddress: under.publishAddress }]);
    t.ok((running?.ports[0]?.hostPort ?? 0) > 1_024);
    t.match(await engine.containers(cluster), [{ id, state: 'running' }]);
    await engine.start(id);
    await engine.stop(id, 5_000);
    t.match(await engine.container(id), { state: 'exited', exitCode: Number, finishedAtMs: Number });
    await engine.stop(id, 0);
    await engine.remove(id);
    await engine.remove(id);
    t.equal(await engine.container(id), null);
    t.same(await engine.containers(cluster), []);
  });

  await t.test('a name is taken once, an image must be there', async (t) => {
    const id = await engine.create(request(named(2)));
    await refuses(t, engine.create(request(named(2))), 'conflict');
    const missing = request(named(3));
    missing.allocation.imageId = `sha256:${'0'.repeat(64)}`;
    await refuses(t, engine.create(missing), 'no-such-image');
    await engine.remove(id);
  });

  await t.test('events tell of a start, an end and a removal', async (t) => {
    const events: EngineEvent[] = [];
    const { stop } = await engine.events(
      cluster,
      (event) => events.push(event),
      () => undefined,
    );
    const id = await started(named(4));
    await under.kill(id);
    await ended(id);
    await engine.remove(id);
    const actions = () => events.filter((e) => e.containerId === id).map(({ action }) => action);
    await waitFor('the removal', () => actions().includes('destroy'));
    t.same(
      actions().filter((action) => ['start', 'die', 'destroy'].includes(action)),
      ['start', 'die', 'destroy'],
    );
    t.match(events.find((e) => e.containerId === id && e.action === 'die')?.exit, {
      code: 137,
      atMs: Number,
    });
    stop();
  });

  await t.test('logs are read by the tail, an exit keeps its code', async (t) => {
    const id = await started(named(5), under.talk);
    t.match(await ended(id), { exitCode: 3 });
    t.same(await textOf(engine, id, null), ['one', 'two']);
    t.same(await textOf(engine, id, 1), ['two']);
    await engine.remove(id);
  });

  await t.test('a command runs inside', async (t) => {
    const id = await started(named(6));
    const { signal } = new AbortController();
    t.match(await engine.exec(id, under.well, signal), { exitCode: 0, output: /fine/ });
    t.match(await engine.exec(id, under.ill, signal), { exitCode: 1 });
    await engine.stop(id, 0);
    await engine.remove(id);
  });

  await t.test('an image is found by reference and by id, or not at all', async (t) => {
    t.match(await engine.image(image.ref), { id: image.id });
    t.match(await engine.image(image.id), { id: image.id });
    t.equal(await engine.image('orca-test/none:1'), null);
    await refuses(
      t,
      engine.pull('localhost:1/orca-test/none:1', () => undefined),
      'refused',
    );
  });

  await t.test('an image is built from a tar, listed by its labels, and removed', async (t) => {
    const tag = `orca-build/contract/api:${cluster}`;
    const labels = { 'orca.cluster': cluster, 'orca.build': 'b-1' };
    const limits = { memoryBytes: 64 * 2 ** 20, cpus: 0.5, target: null, platform: null };
    const plain = { builder: 'classic' as const, secrets: {}, cacheScope: cluster };
    const build = { tag, dockerfile: 'in/Dockerfile', args: { A: 'a' }, labels, ...limits, ...plain };
    const context = (): NodeJS.ReadableStream => {
      const tar = pack();
      tar.entry({ name: 'in/Dockerfile' }, 'FROM scratch\nARG A\nCOPY in/Dockerfile /\n');
      tar.finalize();
      return tar as unknown as NodeJS.ReadableStream;
    };
    const lines: string[] = [];
    const built = await engine.build(build, context(), (line) => lines.push(line), never);
    t.match(lines[0], /^Step 1\/\d+ : FROM scratch/);
    t.match(built, { tags: [tag], labels });
    t.match(await engine.image(tag), { id: built.id });
    t.match(await engine.builtImages(cluster), [{ id: built.id, tags: [tag], labels }]);
    const ended = AbortSignal.abort(new EngineError('refused', 'it is over'));
    await t.rejects(
      engine.build(build, context(), () => undefined, ended),
      { message: 'it is over' },
    );
    await engine.removeBuilt(tag);
    await engine.removeBuilt(tag);
    t.same(await engine.builtImages(cluster), []);
  });

  await t.test(
    'a volume of a preview is known by its label, held while a container has it, and removed',
    async (t) => {
      const wanted = request(named(7));
      const volumes = [
        { name: 'data', path: '/data', preview: true as const },
        { name: 'other', path: '/other' },
      ];
      wanted.allocation.container = { ...wanted.allocation.container, volumes };
      wanted.allocation.project = cluster;
      const id = await engine.create(wanted);
      const [name = ''] = (await engine.previewVolumes(cluster)).map((one) => one.name);
      t.same(await engine.previewVolumes(cluster), [
        { name: `${cluster}_api_data`, preview: `${cluster}/api` },
      ]);
      await refuses(t, engine.removeVolume(name), 'conflict');
      await engine.remove(id);
      t.equal((await engine.previewVolumes(cluster)).length, 1);
      for (const one of [name, name, `${cluster}_api_other`]) await engine.removeVolume(one);
      t.same(await engine.previewVolumes(cluster), []);
    },
  );

  await t.test('a kept tag is put on and taken off; the image stays', async (t) => {
    const tag = `orca.local/${cluster}/api:v1`;
    await engine.tag(image.id, tag);
    t.equal((await engine.keptTags()).get(tag), image.id);
    await engine.untag(tag);
    await engine.untag(tag);
    t.notOk((await engine.keptTags()).has(tag));
    t.match(await engine.image(image.ref), { id: image.id });
  });

  await t.test('what carrying an image puts on it is found by its port, and taken off', async (t) => {
    const [own, other] = ['127.0.0.1:2/img/a:latest', '127.0.0.1:3/img/a:latest'];
    for (const tag of [own, other]) await engine.tag(image.id, tag);
    const isDigest = (reference: string): boolean => reference.includes('@sha256:');
    const found = await engine.passingReferences(2);
    // Containerd's store knows what has a tag by its digest too.
    t.same(
      found.filter((reference) => !isDigest(reference)),
      [own],
    );
    t.same(
      found.filter((reference) => !reference.startsWith('127.0.0.1:2/')),
      [],
    );
    for (const tag of [own, other]) await engine.untag(tag);
    t.same(await engine.passingReferences(2), []);
    t.match(await engine.image(image.ref), { id: image.id });
  });

  await t.test('what is not there: null, nothing to do, or not-found', async (t) => {
    t.equal(await engine.container('nobody'), null);
    await engine.stop('nobody', 0);
    await engine.remove('nobody');
    await refuses(t, engine.start('nobody'), 'not-found');
  });
}

async function refuses(t: Test, call: Promise<unknown>, kind: EngineErrorKind): Promise<void> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  t.type(error, EngineError);
  t.match(error, { kind, message: /\w/ });
}

async function textOf(engine: Engine, id: string, tail: number | null): Promise<string[]> {
  const lines: LogLine[] = [];
  const options = { tail, sinceMs: null, follow: false };
  for await (const line of engine.logs(id, options, new AbortController().signal)) lines.push(line);
  return lines.map(({ text }) => text);
}
