/**
 * The files of one clone that are in Git LFS: its own, not those of its submodules, each of which is a clone. They are had from where git-lfs looks for
 * them (the repository, or what its `.lfsconfig` says), over no protocol that the build does not allow.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOrder } from '../../shared/build.js';
import { GitError, type GitOptions, git, protocolsOf } from './git.js';
import { asked, refused } from './git-words.js';

/** As `git lfs install` writes it, without which `git lfs pull` gets the files and leaves their pointers where they were. */
const FILTER: GitOptions['config'] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
];

/** `here`: the clone. Rejects with an `EngineError` where git-lfs is missing, or a file can't be had. */
export async function withLfs(order: Pick<BuildOrder, 'ref'>, here: GitOptions): Promise<void> {
  if (!(await usesLfs(here))) return;
  refuseProtocol(await settings(here), here);
  const filtered = { ...here, config: [...here.config, ...FILTER] };
  await asked({ ...order, repo: 'a file in Git LFS' }, () => git(['lfs', 'pull'], filtered));
}

async function settings(here: GitOptions): Promise<string> {
  try {
    return await git(['lfs', 'env'], here);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw refused(
      'the repository keeps files in Git LFS, and git-lfs is not installed on this node; install it (`apt-get install git-lfs`), or keep builds away with the label orca.build=false',
    );
  }
}

/** Git-lfs heeds no `GIT_ALLOW_PROTOCOL`. It says where it looks as `Endpoint=URL (auth=…)`, and in the next line `  SSH=…` when it asks there by ssh. */
function refuseProtocol(said: string, here: GitOptions): void {
  const allowed = protocolsOf(here);
  for (const [, url = '', next = ''] of said.matchAll(/^Endpoint(?: \([^\n]*\))?=(.*)\n?(.*)/gm)) {
    const protocol = /^\s+SSH=/.test(next)
      ? 'ssh'
      : (/^([a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase() ?? '');
    if (!allowed.includes(protocol))
      throw refused(
        `its files in Git LFS are to be had over ${protocol || 'a protocol'} (${url.slice(0, 200)}), which is not allowed here: only ${allowed.join(', ')}`,
      );
  }
}

async function usesLfs(here: GitOptions): Promise<boolean> {
  const listed = await git(['ls-files', '-z', '--', ':(glob)**/.gitattributes'], here);
  for (const name of listed.split('\0').filter((one) => one !== '')) {
    const text = await plainText(join(here.cwd, name));
    if (/\bfilter=lfs\b/.test(text)) return true;
  }
  return false;
}

/** Of a file alone, and of that a megabyte: what the repository has under such a name may be a link to anything. */
async function plainText(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => null,
  );
  if (file === null) return '';
  try {
    if (!(await file.stat()).isFile()) return '';
    const buffer = Buffer.alloc(MAX_ATTRIBUTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_ATTRIBUTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const MAX_ATTRIBUTES = 1024 * 1024;
