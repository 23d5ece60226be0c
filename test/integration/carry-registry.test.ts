/** The registry behind the images that a node serves: started when it is needed, adopted, ended, and cleared of what nobody needs. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import t, { type Test } from 'tap';
import { carryPaths, registryProcess } from '../../agent/carry/registry-process.js';
import { sweep } from '../../agent/carry/storage.js';
import { killHard } from '../support/processes.js';

function aFolder(t: Test) {
  const folder = mkdtempSync('/tmp/orca-carry-');
  const paths = carryPaths(folder);
  const registry = registryProcess(paths);
  t.teardown(async () => {
    await registry.stop();
    rmSync(folder, { recursive: true });
  });
  const call = (
    method: string,
    path: string,
    body?: Buffer,
    type = 'application/octet-stream',
  ): Promise<{ status: number; location: string }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': body?.length ?? 0 };
      const asked = request({ socketPath: paths.socket, method, path, headers, agent: false }, (response) => {
        response.resume();
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '' }),
        );
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const blob = async (repository: string, content: Buffer) => {
    const digest = digestOf(content);
    const { location } = await call('POST', `/v2/${repository}/blobs/uploads/`);
    const at = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
    const { status } = await call('PUT', at, content);
    if (status !== 201) throw new Error(`the registry answered ${status}`);
    return { digest, size: content.length };
  };
  /** An image of one layer; answers the path of the layer. */
  const image = async (hex: string, layer: Buffer): Promise<string> => {
    const media = 'application/vnd.docker.distribution.manifest.v2+json';
    const config = await blob(`img/${hex}`, Buffer.from(`{"image":"${hex}"}`));
    const made = await blob(`img/${hex}`, layer);
    const manifest = {
      ...{ schemaVersion: 2, mediaType: media },
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', ...made }],
    };
    await call('PUT', `/v2/img/${hex}/manifests/latest`, Buffer.from(JSON.stringify(manifest)), media);
    return `/v2/img/${hex}/blobs/${made.digest}`;
  };
  return { paths, registry, call, image };
}

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const pidIn = (file: string): number => Number(readFileSync(file, 'utf8'));
const [one, two] = ['a'.repeat(64), 'b'.repeat(64)] as const;

t.test('it is started once, and again when it was killed; what it has stays', async (t) => {
  const { paths, registry, call, image } = aFolder(t);
  await Promise.all([registry.ensure(), registry.ensure()]);
  const pid = pidIn(paths.pid);
  const layer = await image(one, Buffer.alloc(10_000, 'x'));
  await registry.ensure();
  t.equal(pidIn(paths.pid), pid);
  await killHard(pid);
  await registry.ensure();
  t.not(pidIn(paths.pid), pid);
  t.equal((await call('HEAD', layer)).status, 200);
  for (const secret of [paths.config, paths.log]) t.equal(statSync(secret).mode & 0o077, 0, secret);
});

t.test('an agent that was killed leaves it to the next one, which uses it and ends it', async (t) => {
  const { paths, registry, call } = aFolder(t);
  await registry.ensure();
  const pid = pidIn(paths.pid);
  const next = registryProcess(paths);
  t.ok(next.isThere());
  await next.ensure();
  t.equal(pidIn(paths.pid), pid);
  await next.stop();
  t.notOk(existsSync(paths.pid));
  await t.rejects(call('HEAD', '/v2/'));
});

t.test('a node without the program says what to install', async (t) => {
  const { paths } = aFolder(t);
  await t.rejects(registryProcess(paths, 'no-such-registry').ensure(), {
    message: /no-such-registry is not on this node: install it \(apt-get install/,
  });
});

t.test('what no release needs goes, and what it shares with another one stays', async (t) => {
  const { paths, registry, call, image } = aFolder(t);
  await registry.ensure();
  const shared = Buffer.alloc(20_000, 's');
  const kept = await image(one, shared);
  await image(two, shared);
  const own = await image('c'.repeat(64), Buffer.alloc(5_000, 'o'));
  await registry.stop();
  t.equal(await sweep(paths, new Set([one])), '2 images that no release needs');
  await registry.ensure();
  t.equal((await call('HEAD', kept)).status, 200);
  t.equal((await call('HEAD', own)).status, 404);
  await registry.stop();
  t.equal(await sweep(paths, new Set([one])), null);
  t.equal(await sweep(paths, new Set([one]), 10_000), '1 images, all of them', 'more than it may be');
  t.notOk(existsSync(paths.store));
});
