/**
 * Real images, made on the spot from what the machine has, without any registry: one of busybox, one of the machine's own
 * Node with the test app. A base is made once per content and Docker (its tag is a hash of what is in it); variants that
 * differ in environment, labels or command are commits on top of it and take milliseconds.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Pack, pack } from 'tar-stream';
import { dockerCall, dockerJson } from './docker.js';

export interface ImageOptions {
  /** `name:tag` of the image that is wanted. */
  tag: string;
  env?: Record<string, string>;
  labels?: Record<string, string>;
  cmd?: string[];
  /** The Docker that gets it. */
  docker?: string;
}

interface BaseFile {
  name: string;
  mode: number;
  content: Buffer;
}

/** An image of the machine's static busybox: sh, httpd, sleep and the rest. Answers the image's id. */
export async function busyboxImage(options: ImageOptions): Promise<string> {
  const links = ['sh', 'httpd', 'sleep', 'cat', 'echo', 'nc'];
  const base = await makeBase('orca-test/busybox-base', busyboxFiles, links, options.docker);
  return variant(base, { cmd: ['/bin/sleep', '1000000'], ...options });
}

/** An image of the machine's Node that runs the test app (see app.ts for its environment). Answers the image's id. */
export async function nodeAppImage(options: ImageOptions): Promise<string> {
  const base = await makeBase('orca-test/node-base', nodeFiles, [], options.docker);
  const env = { NODE_OPTIONS: '--max-semi-space-size=2', ...options.env };
  return variant(base, { cmd: ['/bin/node', '/app/app.js'], ...options, env });
}

export async function removeImage(tag: string): Promise<void> {
  await dockerCall('DELETE', `/images/${tag}?force=true`);
}

/** A commit on top of a created, never started container: no layer of any size, only another configuration. */
async function variant(base: string, options: ImageOptions): Promise<string> {
  const { docker } = options;
  const holder = { Image: base, Cmd: ['/none'] };
  const { Id } = await dockerJson<{ Id: string }>('POST', '/containers/create', holder, docker);
  const [repo, tag] = splitTag(options.tag);
  const config = {
    Cmd: options.cmd,
    Env: Object.entries(options.env ?? {}).map(([key, value]) => `${key}=${value}`),
    Labels: options.labels ?? {},
  };
  try {
    const query = `container=${Id}&repo=${encodeURIComponent(repo)}&tag=${tag}&pause=false`;
    return (await dockerJson<{ Id: string }>('POST', `/commit?${query}`, config, docker)).Id;
  } finally {
    await dockerCall('DELETE', `/containers/${Id}?force=true&v=true`, undefined, docker);
  }
}

/** Imports the files as one layer unless an image of exactly this content is there; answers its name. */
async function makeBase(
  repo: string,
  filesOf: () => BaseFile[],
  links: string[],
  docker?: string,
): Promise<string> {
  const files = filesOf();
  const hash = createHash('sha256').update(JSON.stringify(links));
  for (const { name, content } of files) hash.update(name).update(content);
  const tag = hash.digest('hex').slice(0, 16);
  const name = `${repo}:${tag}`;
  if ((await dockerCall('GET', `/images/${name}/json`, undefined, docker)).status === 200) return name;
  const query = `fromSrc=-&repo=${encodeURIComponent(repo)}&tag=${tag}`;
  const url = `/images/create?${query}`;
  const { status, text } = await dockerCall('POST', url, tarOf(files, links), docker);
  if (status !== 200 || text.includes('"error"')) throw new Error(`docker import: ${text.trim()}`);
  return name;
}

function tarOf(files: BaseFile[], links: string[]): Pack {
  const tar = pack();
  for (const name of ['tmp', 'etc', 'bin', 'data']) tar.entry({ name, type: 'directory', mode: 0o1777 });
  for (const { name, mode, content } of files) tar.entry({ name, mode }, content);
  for (const name of links) tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: 'busybox' });
  tar.finalize();
  return tar;
}

function busyboxFiles(): BaseFile[] {
  const path = ['/bin/busybox', '/usr/bin/busybox'].find((candidate) => existsSync(candidate));
  if (!path) throw new Error('busybox is missing: apt-get install busybox-static');
  return [{ name: 'bin/busybox', mode: 0o755, content: readFileSync(path) }, accounts];
}

function nodeFiles(): BaseFile[] {
  const node = realpathSync(process.execPath);
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  // Names are looked up by the C library's plug-ins, which ldd does not list.
  const plugins = libraries
    .filter((path) => path.includes('/libc.so'))
    .flatMap((path) =>
      ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'].map((name) => path.replace(/[^/]+$/, name)),
    )
    .filter((path) => existsSync(path));
  const shared = [...new Set([...libraries, ...plugins])].map((path) => ({
    name: path.slice(1),
    mode: 0o755,
    content: readFileSync(path),
  }));
  const app = ['app.js', 'echo-socket.js', 'inner-load.js'].map((name) => ({
    name: `app/${name}`,
    mode: 0o644,
    content: readFileSync(fileURLToPath(new URL(name, import.meta.url))),
  }));
  const modules = { name: 'app/package.json', mode: 0o644, content: Buffer.from('{"type":"module"}') };
  return [
    { name: 'bin/node', mode: 0o755, content: readFileSync(node) },
    ...shared,
    ...app,
    modules,
    accounts,
  ];
}

const accounts: BaseFile = {
  name: 'etc/passwd',
  mode: 0o644,
  content: Buffer.from('root:x:0:0:root:/:/bin/sh\n'),
};

function splitTag(name: string): [repo: string, tag: string] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, 'latest'];
}
