/** What git's words mean, for people: which key, host, repository or branch is wrong, and what to do. Git's own words follow. */
import type { BuildOrder } from '../../shared/build.js';
import { EngineError } from '../engine.js';
import { GitError } from './git.js';

/** Git's own words, after what they mean. */
export async function asked<T>(
  { repo, ref }: Pick<BuildOrder, 'repo' | 'ref'>,
  ask: () => Promise<T>,
): Promise<T> {
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

/** `refs/heads/main` → `branch main`. */
export const words = (ref: string): string =>
  ref.replace(/^refs\/heads\/(.+)$/, 'branch $1').replace(/^refs\/tags\/(.+)$/, 'tag $1');

export const refused = (message: string, cause?: unknown): EngineError =>
  new EngineError('refused', message, cause);
