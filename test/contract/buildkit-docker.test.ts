/**
 * BuildKit of the Docker that is here, as far as it is used: held to limits, given secrets that stay nowhere, ended when nobody wants it. Where the agent
 * can't hold it, the reason is what is tested.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import t from 'tap';
import { pack } from 'tar-stream';
import { dockerEngine } from '../../agent/docker.js';
import type { ImageBuild } from '../../agent/engine.js';
import { dockerCall, dockerJson, testDocker } from '../support/docker.js';
import { busyboxImage } from '../support/images.js';
import { waitFor } from '../support/wait-for.js';

const BASE = 'orca-test/buildkit-base:1';
const unique = randomBytes(6).toString('hex');
const SECRET = `hush-${unique}`;
const engine = dockerEngine(testDocker());
await busyboxImage({ tag: BASE });
const { level, reason } = await engine.kit();
const isThere = level !== 'none';
const never = new AbortController().signal;
const tag = (name: string): string => `orca-build/contract/${name}:${unique}`;
t.teardown(async () => {
  for (const name of ['whole', 'cached', 'scoped', 'hangs', 'large'])
    await dockerCall('DELETE', `/images/${tag(name)}?force=true`);
});

const run = (words: string, flags = ''): string =>
  `RUN ${flags} ["/bin/busybox","sh","-c",${JSON.stringify(words.replaceAll('busybox', '/bin/busybox'))}]`;

function contextOf(...dockerfile: string[]): NodeJS.ReadableStream {
  const tar = pack();
  const mtime = new Date(1_700_000_000_000);
  tar.entry({ name: 'Dockerfile', mtime }, `${dockerfile.join('\n')}\n`);
  tar.entry({ name: 'large.bin', mtime }, Buffer.alloc(3_000_000, 'x'));
  tar.finalize();
  return tar as unknown as NodeJS.ReadableStream;
}

function requestOf(name: string, more: Partial<ImageBuild>): ImageBuild {
  return {
    ...{ tag: tag(name), dockerfile: 'Dockerfile', args: { A: 'an argument' }, target: null, platform: null },
    ...{ labels: { 'orca.cluster': unique, 'orca.build': `b-${unique}` }, secrets: { NPM: SECRET } },
    ...{ memoryBytes: 48 * 1024 ** 2, cpus: 0.5, builder: 'buildkit', cacheScope: `${unique}.one` },
    ...more,
  };
}

async function build(
  name: string,
  dockerfile: string[],
  { signal = never, ...more }: Partial<ImageBuild> & { signal?: AbortSignal } = {},
): Promise<string> {
  const lines: string[] = [];
  try {
    await engine.build(requestOf(name, more), contextOf(...dockerfile), (line) => lines.push(line), signal);
  } catch (error) {
    throw Object.assign(error as Error, { lines });
  }
  return lines.join('\n');
}

t.test('where it can not be held, that is said', async (t) => {
  if (isThere) t.equal(level === 'current' ? reason : 'old', level === 'current' ? '' : 'old');
  else t.match(reason, /cgroup|systemd|no BuildKit/);
});

const whole = [
  `FROM ${BASE} AS one`,
  'ARG A',
  run(
    'echo of $A; busybox wc -c < /run/secrets/NPM; echo run >> /cache/runs; busybox wc -l < /cache/runs; busybox cat /proc/self/cgroup',
    `--mount=type=secret,id=NPM --mount=type=cache,target=/cache,id=${unique}`,
  ),
  `FROM ${BASE}`,
  'COPY large.bin /large.bin',
  run('busybox ls /one/bin > /found', '--mount=type=bind,from=one,target=/one --mount=type=tmpfs,target=/t'),
];

t.test('mounts, stages and secrets; the steps run below the group that holds them', async (t) => {
  if (!isThere) return t.comment(reason);
  const log = await build('whole', whole);
  t.match(log, /#\d+ of an argument\n#\d+ 17\n#\d+ 1\n/);
  const group = level === 'current' ? `/orca-build-b-${unique}/buildkit/` : '/docker/buildkit/';
  t.match(log, new RegExp(`:.*${group}`));
  t.notOk(existsSync(`/sys/fs/cgroup/memory/orca-build-b-${unique}`), 'the group is gone');
  t.notOk(existsSync(`/sys/fs/cgroup/orca-build-b-${unique}`));
  const [image] = await engine.builtImages(unique);
  t.match(image, { tags: [tag('whole')] });
});

t.test('a secret is in no layer, no history and no configuration of the image', async (t) => {
  if (!isThere) return t.comment(reason);
  for (const path of [`/images/${tag('whole')}/history`, `/images/${tag('whole')}/json`])
    t.notMatch((await dockerCall('GET', path)).text, SECRET);
  t.notMatch((await dockerCall('GET', `/images/${tag('whole')}/get`)).text, SECRET, 'as it is saved');
  const { Id } = await dockerJson<{ Id: string }>('POST', '/containers/create', {
    Image: tag('whole'),
    Cmd: ['/x'],
  });
  const files = (await dockerCall('GET', `/containers/${Id}/export`)).text;
  await dockerCall('DELETE', `/containers/${Id}`);
  t.match(files.slice(0, 100_000_000), /large\.bin/);
  t.notMatch(files, SECRET, 'as it is unpacked');
});

t.test('what a step keeps in a cache is of its scope alone, however it is named', async (t) => {
  if (!isThere) return t.comment(reason);
  let count = 0;
  /** How many builds have left a file in it, this one too. */
  const inCache = async (
    cacheScope: string,
    id: string,
    args: Record<string, string> = {},
  ): Promise<number> => {
    const step = `echo > /cache/${count}; echo of $A: $(busybox ls /cache | busybox wc -l)`;
    const given = { cacheScope, args: { A: `build-${count++}`, ...args } };
    const mount = `--mount=type=cache,target=/cache,id=${id}`;
    const log = await build('scoped', [`FROM ${BASE}`, 'ARG A', run(step, mount)], given);
    return Number(/ of build-\d+: (\d+)$/m.exec(log)?.[1]);
  };
  const [one, two] = [`${unique}.one`, `${unique}.two`];
  t.equal(await inCache(one, 'npm'), 1);
  t.equal(await inCache(one, 'npm'), 2, 'it is kept');
  t.equal(await inCache(two, 'npm'), 1, 'and not another');
  t.equal(await inCache(two, `../${one}/npm`), 1, 'also from beside it');
  t.equal(await inCache(two, 'npm', { BUILDKIT_CACHE_MOUNT_NS: one }), 2, 'whatever its arguments say');
  t.equal(await inCache(one, 'npm'), 3);
});

t.test('a second build of the same is of the cache', async (t) => {
  if (!isThere) return t.comment(reason);
  const log = await build('cached', whole);
  t.match(log, /CACHED/);
  t.notMatch(log, /^#\d+ of an argument/m);
});

t.test('a step that wants too much memory is killed; the last words are there', async (t) => {
  if (!isThere) return t.comment(reason);
  const failed = build('large', [`FROM ${BASE}`, run(`echo begins ${unique}; busybox tail /dev/zero`)]);
  await t.rejects(failed, { kind: 'refused', message: /exit code: 137/ });
  const { lines } = (await failed.catch((error: unknown) => error)) as { lines: string[] };
  t.match(lines.join('\n'), `begins ${unique}`);
});

t.test('a secret that the build does not have is named', async (t) => {
  if (!isThere) return t.comment(reason);
  const step = run('true', '--mount=type=secret,id=OTHER,required=true');
  await t.rejects(build('whole', [`FROM ${BASE}`, step]), { kind: 'refused', message: /secret OTHER/ });
});

t.test('an image that a syntax line names is not run', async (t) => {
  if (!isThere) return t.comment(reason);
  t.match(await build('cached', [`# syntax=127.0.0.1:1/none:${unique}`, ...whole]), /CACHED/);
});

t.test('what nobody wants any more ends, with its container', async (t) => {
  if (!isThere) return t.comment(reason);
  const ended = new AbortController();
  const seconds = `10000${Date.now() % 1_000}`;
  const steps = (): boolean =>
    execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes(`sleep ${seconds}\n`);
  const hangs = build('hangs', [`FROM ${BASE}`, `RUN ["/bin/busybox","sleep","${seconds}"]`], {
    signal: ended.signal,
  });
  await waitFor('the step to run', steps);
  ended.abort(new Error('it is over'));
  await t.rejects(hangs, { message: 'it is over' });
  await waitFor('the step to be gone', () => !steps());
});
