/**
 * Gets one commit of a repository, as small as the server allows: that commit alone, else as much of its branch as is needed to have it. Submodules
 * come along under the same rules, LFS files where git-lfs is installed. Says in words what is not there: the repository, the branch, the commit.
 */
import { join } from 'node:path';
import type { BuildOrder } from '../../shared/build.js';
import { GitError, type GitOptions, git } from './git.js';
import { asked, refused, words } from './git-words.js';
import { withLfs } from './lfs.js';

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
  const submodules = await withSubmodules(order, here);
  for (const cwd of [folder, ...submodules]) await withLfs(order, { ...here, cwd });
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

/** Answers with their folders, those of submodules' submodules too. */
async function withSubmodules(order: Order, here: GitOptions): Promise<string[]> {
  const listed = await git(['ls-files', '-z', '--', '.gitmodules'], here);
  if (listed === '') return [];
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
  const each = ['submodule', '--quiet', 'foreach', '--recursive', 'printf "%s\\0" "$displaypath"'];
  const paths = (await git(each, here)).split('\0').filter((path) => path !== '');
  return paths.map((path) => join(here.cwd, path));
}

/** The server gives no commit by its name. */
const isUnadvertised = (error: unknown): boolean =>
  error instanceof GitError &&
  /not our ref|unadvertised|does not allow request|couldn't find remote ref|did not contain/i.test(
    error.words,
  );
