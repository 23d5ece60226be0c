/**
 * What Docker gets of a clone: the context's folder without `.git` and what `.dockerignore` names, as a tar whose order, owners and times depend on the
 * commit alone. Links are sent as links, so that they lead nowhere on this host; a context or Dockerfile that is, or is below, a link out of the clone
 * is refused.
 */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { type Pack, pack } from 'tar-stream';
import type { BuildOrder } from '../../shared/build.js';
import { EngineError } from '../engine.js';
import { type Ignore, MAX_IGNORE_BYTES, type Place, readIgnore } from './ignore.js';

export interface Context {
  folder: string;
  /** As Docker finds it in the tar. */
  dockerfile: string;
  /** Its lines that are not blank, without the blanks around them: what looks for words in it has no more to go through. */
  text: string;
  /** As it was written. */
  written: string;
  /** It is outside of the context, and is put into the tar beside it. */
  isApart: boolean;
  ignore: Ignore;
}

const MAX_DOCKERFILE_BYTES = 1024 * 1024;
const APART = '.orca.Dockerfile';

/** Looks at what the order names. Rejects with an `EngineError` for what is not there, or not inside. */
export async function findContext(
  clone: string,
  { context, dockerfile }: Pick<BuildOrder, 'context' | 'dockerfile'>,
): Promise<Context> {
  const root = await realpath(clone);
  const folder = await within(root, context, 'the context');
  if (!(await stat(folder)).isDirectory())
    throw refused(`the context ${context} is no folder of the repository`);
  const file = await within(root, dockerfile, 'the Dockerfile');
  const found = await stat(file);
  if (!found.isFile()) throw refused(`the Dockerfile ${dockerfile} is no file`);
  if (found.size > MAX_DOCKERFILE_BYTES) throw refused(`the Dockerfile ${dockerfile} is larger than 1 MiB`);
  const written = await readFile(file, 'utf8');
  const inside = relative(folder, file);
  const isApart = inside.startsWith('..');
  return {
    folder,
    dockerfile: isApart ? APART : inside.split(sep).join('/'),
    text: tight(written),
    written,
    isApart,
    ignore: await ignoreOf(root, context, dockerfile),
  };
}

/**
 * What is left out. The Dockerfile's own list (`api.Dockerfile.dockerignore`, as BuildKit has it) counts in the place of the context's. A link is followed
 * within the clone: without what it says, files would get into the image that nobody meant to.
 */
async function ignoreOf(root: string, context: string, dockerfile: string): Promise<Ignore> {
  for (const path of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    if ((await lstat(join(root, path)).catch(() => null)) === null) continue;
    const file = await within(root, path, 'the file');
    const found = await stat(file);
    if (!found.isFile()) continue;
    const isTooLarge = found.size > MAX_IGNORE_BYTES;
    const ignore = readIgnore(isTooLarge ? ' '.repeat(MAX_IGNORE_BYTES + 1) : await readFile(file, 'utf8'));
    if ('problem' in ignore) throw refused(`the file ${path} ${ignore.problem}`);
    return ignore;
  }
  return NOTHING;
}

const NOTHING: Ignore = {
  root: { enter: () => ({ isIgnored: false, below: () => NOTHING.root }) },
  hasExceptions: false,
};

const tight = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');

async function within(root: string, path: string, what: string): Promise<string> {
  let found: string;
  try {
    found = await realpath(join(root, path));
  } catch (cause) {
    throw refused(`${what} ${path} is not in the repository; mend it in [service.build], or push it`, cause);
  }
  const isInside = found === root || found.startsWith(`${root}${sep}`);
  if (isInside && !relative(root, found).split(sep).includes('.git')) return found;
  throw refused(`${what} ${path} is a link that leads out of the repository, which is not followed`);
}

/** The tar, as it is read; a file that can't be read fails it. */
export function packContext(context: Context, atMs: number): Pack {
  const tar = pack();
  const work = fill(tar, context, new Date(atMs));
  work.catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return tar;
}

/** So long other work of the agent waits at most for names that are looked at. */
const SLICE_MS = 20;

async function fill(tar: Pack, context: Context, mtime: Date): Promise<void> {
  const { root, hasExceptions } = context.ignore;
  const own = { uid: 0, gid: 0, mtime };
  let sinceMs = performance.now();
  const visit = async (below: string, place: Place): Promise<void> => {
    const entries = await readdir(join(context.folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.name === '.git') continue;
      if (performance.now() - sinceMs > SLICE_MS) {
        await setImmediate();
        sinceMs = performance.now();
      }
      // Whoever reads it has given up: a build that was cancelled, or is late.
      if (tar.destroyed) return;
      const here = place.enter(entry.name);
      const isLeft = here.isIgnored && name !== context.dockerfile;
      if (!(await isNamed(context.folder, name))) {
        if (isLeft) continue;
        throw refused(
          `the name of ${JSON.stringify(name)} is not in UTF-8: rename it, or leave it out with .dockerignore`,
        );
      }
      const leads = context.dockerfile.startsWith(`${name}/`) || hasExceptions;
      if (entry.isDirectory() && (!isLeft || leads)) {
        if (!isLeft) await add(tar, { ...own, name, type: 'directory', mode: 0o755 });
        await visit(name, here.below());
      } else if (!isLeft) await addOne(tar, context.folder, name, own);
    }
  };
  await visit('', root);
  if (context.isApart) await add(tar, { ...own, name: APART, mode: 0o644 }, context.written);
  tar.finalize();
}

/** Of a name that is not in UTF-8 the bytes are not known here, and nothing is found under it. */
const isNamed = async (folder: string, name: string): Promise<boolean> =>
  !name.includes('\ufffd') || (await lstat(join(folder, name)).catch(() => null)) !== null;

type Header = Parameters<Pack['entry']>[0];

async function addOne(tar: Pack, folder: string, name: string, own: Partial<Header>): Promise<void> {
  const path = join(folder, name);
  const found = await lstat(path);
  if (found.isSymbolicLink()) {
    const linkname = await readlink(path);
    await add(tar, { ...own, name, type: 'symlink', linkname, mode: 0o777 });
  } else if (found.isFile()) {
    const mode = found.mode & 0o100 ? 0o755 : 0o644;
    const entry = tar.entry({ ...own, name, size: found.size, mode });
    await pipeline(createReadStream(path), entry);
  }
}

function add(tar: Pack, header: Header, content = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, content, (error) => (error ? reject(error) : resolve()));
  });
}

const refused = (message: string, cause?: unknown): EngineError => new EngineError('refused', message, cause);
