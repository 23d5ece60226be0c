/**
 * Gets one commit of a repository, as small as the server allows: that commit alone, else as much of its branch as is needed to have it. Submodules
 * come along under the same rules, LFS files where git-lfs is installed. Says in words what is not there: the repository, the branch, the commit.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOrder } from '../../shared/build.js';
import { EngineError } from '../engine.js';
import { GitError, type GitOptions, git } from './git.js';

export interface Commit {
  sha: string;
  author: string;
  subject: string;
  atMs: number;
}

type Order = Pick<BuildOrder, 'repo' | 'ref' | 'commit'>;
type Place = Omit<GitOptions, 'cwd'>;

/** Which commit is to be built; asks the repository where the order does not say. */
export async function resolveCommit(order: Order, place: Place): Promise<string> {
  if (order.commit !== null) return order.commit;
  const { repo, ref } = order;
  const listed = await asked(order, () => git(['ls-remote', '--', repo, ref], { ...place, cwd: place.home }));
  const line = listed.split('\n').find((one) => one.endsWith(`\t${ref}`));
  const sha = line?.split('\t')[0] ?? '';
  if (/^[0-9a-f]{40,64}$/.test(sha)) return sha;
  throw refused(`the repository ${repo} has no ${words(ref)}; push it there, or mend build.branch`);
}

/** The commit, checked out below `folder`, which must not be there yet. */
export async function clone(order: Order, sha: string, folder: string, place: Place): Promise<Commit> {
  const here = await fetched(order, sha, folder, place);
  await git(['checkout', '--quiet', '--detach', '--force', sha], here);
  await withSubmodules(order, here);
  await withLfs(order, here);
  const shown = await git(['log', '-1', '--format=%an%x00%s%x00%ct', sha], here);
  const [author = '', subject = '', seconds = '0'] = shown.trim().split('\0');
  return { sha, author: author.slice(0, 200), subject: subject.slice(0, 500), atMs: Number(seconds) * 1_000 };
}

/** Where git has the commit, and no file of it: `folder`, which must not be there yet. */
export async function fetched(order: Order, sha: string, folder: string, place: Place): Promise<GitOptions> {
  await git(['init', '--quiet', '--', folder], { ...place, cwd: place.home });
  const here: GitOptions = { ...place, cwd: folder };
  await git(['config', 'remote.origin.url', order.repo], here);
  await asked(order, () => fetchCommit(order, sha, here));
  return here;
}

/** Deeper and deeper, where a server gives no commit by its name; 0: all of it. */
const DEPTHS = [50, 1_000, 0];

async function fetchCommit({ repo, ref }: Order, sha: string, here: GitOptions): Promise<void> {
  const fetch = ['fetch', '--no-tags', '--progress', '--no-recurse-submodules'];
  try {
    await git([...fetch, '--depth=1', '--', repo, sha], here);
    return;
  } catch (error) {
    if (!isUnadvertised(error)) throw error;
  }
  for (const depth of DEPTHS) {
    const how = depth > 0 ? [`--depth=${depth}`] : (await isShallow(here)) ? ['--unshallow'] : [];
    await git([...fetch, ...how, '--', repo, `+${ref}:refs/orca/source`], here);
    if (await has(sha, here)) return;
  }
  throw refused(
    `the commit ${sha.slice(0, 12)} is not in ${words(ref)} of ${repo} any more; was it force-pushed? Deploy again to build what is there now`,
  );
}

async function has(sha: string, here: GitOptions): Promise<boolean> {
  try {
    await git(['cat-file', '-e', `${sha}^{commit}`], { ...here, onLine: () => undefined });
    return true;
  } catch (error) {
    if (error instanceof GitError) return false;
    throw error;
  }
}

const isShallow = async (here: GitOptions): Promise<boolean> =>
  (await git(['rev-parse', '--is-shallow-repository'], here)).trim() === 'true';

async function withSubmodules(order: Order, here: GitOptions): Promise<void> {
  const listed = await git(['ls-files', '-z', '--', '.gitmodules'], here);
  if (listed === '') return;
  const update = ['submodule', 'update', '--init', '--recursive', '--progress'];
  await asked({ ...order, repo: 'a submodule' }, async () => {
    try {
      await git([...update, '--depth=1'], here);
    } catch (error) {
      if (!isUnadvertised(error)) throw error;
      here.onLine('orca: a submodule can not be had by its commit alone; it is cloned whole');
      await git(update, here);
    }
  });
}

/** The server gives no commit by its name. */
const isUnadvertised = (error: unknown): boolean =>
  error instanceof GitError &&
  /not our ref|unadvertised|does not allow request|couldn't find remote ref|did not contain/i.test(
    error.words,
  );

/** As `git lfs install` writes it, without which `git lfs pull` gets the files and leaves their pointers where they were. */
const LFS_FILTER: GitOptions['config'] = [
  ['filter.lfs.clean', 'git-lfs clean -- %f'],
  ['filter.lfs.smudge', 'git-lfs smudge -- %f'],
  ['filter.lfs.process', 'git-lfs filter-process'],
  ['filter.lfs.required', 'true'],
];

async function withLfs(order: Order, here: GitOptions): Promise<void> {
  if (!(await usesLfs(here))) return;
  try {
    await git(['lfs', 'version'], here);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw refused(
      'the repository keeps files in Git LFS, and git-lfs is not installed on this node; install it (`apt-get install git-lfs`), or keep builds away with the label orca.build=false',
    );
  }
  const filtered = { ...here, config: [...here.config, ...LFS_FILTER] };
  await asked({ ...order, repo: 'a file in Git LFS' }, () => git(['lfs', 'pull'], filtered));
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

/** Git's own words, after what they mean. */
async function asked<T>({ repo, ref }: Order, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw refused(`${repo} could not be cloned: ${meaning(error.words, ref)} (git: ${error.words})`, error);
  }
}

/** The first that is found says what it is. */
const MEANINGS: [RegExp, string][] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/i,
    'its host key is not the one that is known; if it was changed, remove its line from agent/builds/known_hosts in the home of the node',
  ],
  [
    /Permission denied \(|publickey/i,
    'the key was refused; give the public half of the deploy key to the repository (`orca deploy-key create` prints it)',
  ],
  [
    /Authentication failed|could not read Username|HTTP Basic|\b40[13]\b/i,
    'it wants a token, or refuses the one it got; set build.token',
  ],
  [
    /cannot run ssh|ssh: (not found|No such file)/i,
    'there is no ssh on this node; install it (`apt-get install openssh-client`)',
  ],
  [/certificate/i, 'its certificate is not one that this node trusts'],
  [/Could not resolve host|Name or service not known|Temporary failure in name/i, 'its host has no address'],
  [
    /transport '.*' not allowed/i,
    'it (or a submodule) is to be had over a protocol that is not allowed here',
  ],
  [/Connection refused|timed out|unreachable|No route|Connection closed/i, 'its host does not answer'],
  [
    /not found|does not exist|does not appear to be a git repository|\b404\b/i,
    'there is no such repository, or the key or token may not see it',
  ],
  [/error in libcrypto|invalid format/i, 'the deploy key is no private key that ssh can read'],
];

const meaning = (text: string, ref: string): string =>
  MEANINGS.find(([pattern]) => pattern.test(text))?.[1] ?? `git could not get ${words(ref)}`;

const words = (ref: string): string =>
  ref.replace(/^refs\/heads\/(.+)$/, 'branch $1').replace(/^refs\/tags\/(.+)$/, 'tag $1');

const refused = (message: string, cause?: unknown): EngineError => new EngineError('refused', message, cause);
