/** The contract on real Docker, and what only real Docker can refuse. It fails, never skips, where there is none. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { dockerEngine } from '../../agent/docker.js';
import { EngineError } from '../../agent/engine.js';
import { networkName } from '../../agent/labels.js';
import { withAdvice } from '../../agent/words.js';
import type { ContainerSpec } from '../../shared/spec.js';
import { dockerCall, dockerJson, testDocker } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { anAllocation } from '../unit/agent/an.js';
import { engineContract } from './engine.contract.js';

const ref = 'orca-test/contract:1';
const SH = ['/bin/sh', '-c'];
const STAY = [...SH, 'trap "exit 0" TERM; while :; do sleep 0.1; done'];

t.test('Docker keeps the contract', async (t) => {
  const engine = dockerEngine(testDocker());
  const { bridgeAddress } = await engine.version();
  await engineContract(t, {
    engine,
    image: { ref, id: await busyboxImage({ tag: ref, cmd: STAY }) },
    publishAddress: bridgeAddress,
    talk: [...SH, 'echo one; echo two; exit 3'],
    well: ['/bin/echo', 'fine'],
    ill: [...SH, 'exit 1'],
    kill: async (id) => void (await dockerCall('POST', `/containers/${id}/kill`)),
  });
});

t.test('Docker refuses in its own words, and the advice says what to do', async (t) => {
  const engine = dockerEngine(testDocker());
  const imageId = await busyboxImage({ tag: ref, cmd: STAY });
  const cluster = `contract-${randomBytes(4).toString('hex')}`;
  const network = networkName(cluster, 'shop');
  const { id: networkId } = await engine.createNetwork(cluster, 'shop', network);
  t.teardown(async () => {
    for (const { id } of await engine.containers(cluster)) {
      await engine.stop(id, 0);
      await engine.remove(id);
    }
    await engine.removeNetwork(networkId);
  });
  const make = async (id: string, container: Partial<ContainerSpec>): Promise<string> => {
    const allocation = anAllocation({ id: `${cluster}.${id}`, imageId, container });
    const name = `orca-${allocation.id}`;
    const request = {
      cluster,
      network,
      publishAddress: '127.0.0.1',
      dns: null,
      name,
      attempt: 1,
      level: 0,
      allocation,
      env: allocation.container.env,
      mounts: allocation.container.mounts,
      files: [],
    };
    const made = await engine.create(request);
    await engine.start(made);
    return made;
  };
  const refusal = async (id: string, container: Partial<ContainerSpec>): Promise<string> => {
    const error: unknown = await make(id, container).catch((thrown: unknown) => thrown);
    return error instanceof EngineError ? `${error.kind}: ${withAdvice(error.message)}` : 'not refused';
  };

  await t.test('a port that is taken', async (t) => {
    await make('a.1', { extraPorts: [{ host: 47_119, container: 80, protocol: 'tcp' }] });
    const words = await refusal('a.2', {
      extraPorts: [{ host: 47_119, container: 80, protocol: 'tcp' }],
    });
    t.match(words, /refused: .*47119.*; stop what uses that port, or change extra_ports/s);
  });
  await t.test('a bind source that is not there', async (t) => {
    const mounts = [{ source: '/nowhere/at/all', target: '/data', readOnly: true }];
    t.match(await refusal('b.1', { mounts }), /refused: .*\/nowhere\/at\/all.*; make that folder/s);
  });
  await t.test('a program that the image does not have', async (t) => {
    const words = await refusal('c.1', { command: ['/bin/nope'] });
    t.match(words, /: .*nope.*; change command or entrypoint/s);
  });
  await t.test('too little memory', async (t) => {
    const resources = { memoryBytes: 1_024, cpus: null };
    t.match(await refusal('d.1', { resources }), /refused: .*memory.*; raise resources.memory/is);
  });
  await t.test('SIGTERM ignored: killed when the grace has passed', async (t) => {
    const id = await make('e.1', { command: [...SH, 'trap "" TERM; while :; do sleep 0.1; done'] });
    await engine.stop(id, 1_000);
    t.match(await engine.container(id), { state: 'exited', exitCode: 137 });
  });
  await t.test('a container is shut in, and further where its service says so', async (t) => {
    const words = async (id: string, container: Partial<ContainerSpec>): Promise<string> => {
      const made = await make(id, container);
      const script =
        'id -u; grep -E "^(NoNewPrivs|CapEff)" /proc/self/status; touch /x 2>&1; touch /tmp/x && echo wrote';
      const { output } = await engine.exec(made, [...SH, script], AbortSignal.timeout(10_000));
      await engine.stop(made, 0);
      return output.replaceAll('\t', ' ');
    };
    t.match(await words('h.1', {}), /^0\n.*CapEff: (?!0{16}).*\nNoNewPrivs: 1\n/s);
    const shut = await words('h.2', {
      confinement: {
        user: '1000:1000',
        capDrop: ['ALL'],
        readOnly: true,
        tmpfs: [{ path: '/tmp', sizeBytes: 1_048_576 }],
        pidsLimit: 20,
      },
    });
    t.match(shut, /^1000\n.*CapEff: 0{16}\nNoNewPrivs: 1\n.*Read-only file system\nwrote/s);
    const hostConfigOf = async (id: string) =>
      JSON.parse((await dockerCall('GET', `/containers/orca-${cluster}.${id}/json`)).text).HostConfig;
    // A Docker that runs in a container may lack the rights that it would give away: what it was asked for is what counts.
    await make('h.3', { confinement: { privileged: true } }).catch(() => undefined);
    const all = await hostConfigOf('h.3');
    t.equal(all.Privileged, true);
    t.notOk((all.SecurityOpt ?? []).includes('no-new-privileges'));
    await make('h.4', { confinement: { pidsLimit: 20, newPrivileges: true } });
    const own = await hostConfigOf('h.4');
    t.equal(own.PidsLimit, 20);
    t.notOk((own.SecurityOpt ?? []).includes('no-new-privileges'));
  });
  await t.test('env, command, entrypoint, volumes, resources and aliases arrive', async (t) => {
    const id = await make('f.1', {
      env: { GREETING: 'hi there' },
      entrypoint: SH,
      command: ['echo "$GREETING" > /data/x; cat /data/x; sleep 60'],
      volumes: [{ name: `v-${cluster}`, path: '/data' }],
      aliases: ['backend'],
      resources: { memoryBytes: 64 * 2 ** 20, cpus: 0.5 },
    });
    const { text } = await dockerCall('GET', `/containers/${id}/json`);
    const inspect = JSON.parse(text);
    t.match(inspect.HostConfig, {
      Memory: 64 * 2 ** 20,
      NanoCpus: 5e8,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    });
    t.match(inspect.Mounts, [{ Type: 'volume', Name: `shop_api_v-${cluster}`, Destination: '/data' }]);
    const aliases: string[] = inspect.NetworkSettings.Networks[network].Aliases;
    t.ok(aliases.includes('api') && aliases.includes('backend'), aliases.join());
    await engine.stop(id, 0);
    await engine.remove(id);
    t.equal(
      (await dockerCall('DELETE', `/volumes/shop_api_v-${cluster}`)).status,
      204,
      'the volume had stayed',
    );
  });
});

t.test('images lie where Docker says', async (t) => {
  const { DockerRootDir } = await dockerJson<{ DockerRootDir: string }>('GET', '/info');
  t.equal((await dockerEngine(testDocker()).imagePlaces())[0], DockerRootDir);
});

t.test('an engine that is not there is down, with the reason', async (t) => {
  const error: unknown = await dockerEngine('unix:///nowhere/docker.sock')
    .version()
    .catch((thrown: unknown) => thrown);
  t.match(error, { kind: 'down', message: /nowhere/ });
});
