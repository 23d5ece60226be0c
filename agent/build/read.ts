/**
 * Reads files of a repository for the master: of one commit, those that git's own globs find, out of git's store. Nothing is checked out, so that no
 * link is followed and no path leads anywhere; how many, how large and how long is bounded. One repository at a time, a newer request of the same webhook
 * ends the older one. What is left of it is the pinned host key.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import type { AgentMessage } from '../../shared/protocol.js';
import {
  MAX_ALL_BYTES,
  MAX_FILE_BYTES,
  MAX_FILES,
  READ_MS,
  type ReadSource,
  type SourceRead,
} from '../../shared/sources.js';
import { EngineError } from '../engine.js';
import type { SecretFiles } from '../secret-files.js';
import { hideValues } from '../secrets.js';
import { accessOf } from './build.js';
import { fetched, resolveCommit } from './clone.js';
import { type GitOptions, git } from './git.js';
import { watchRoom } from './room.js';

export interface SourceReader {
  /** Answers with one `source-read`; with none when it is ended before. */
  read(request: ReadSource, reply: (message: AgentMessage) => Promise<void>): void;
  endAll(): void;
  /** Has files on the tmpfs now. */
  running(): string[];
}

export interface ReadPlace {
  /** `HOME/agent/builds`, where `known_hosts` is. */
  folder: string;
  secretFiles: Pick<SecretFiles, 'write'>;
}

/** Of its folder, and on the tmpfs. */
const NAME = 'read';
const MAX_CLONE_BYTES = 512 * 1024 ** 2;
const LEAVE_BYTES = 1024 ** 3;

export function createSourceReader(place: ReadPlace): SourceReader {
  const wanted = new Set<{ webhook: string; ended: AbortController }>();
  let last: Promise<void> = Promise.resolve();
  let isReading = false;
  return {
    read(request, reply) {
      for (const { webhook, ended } of wanted) if (webhook === request.webhook) ended.abort();
      const entry = { webhook: request.webhook, ended: new AbortController() };
      wanted.add(entry);
      last = last.then(async () => {
        isReading = true;
        const { signal } = entry.ended;
        const answer = signal.aborted ? null : await answerTo(request, place, signal);
        isReading = false;
        wanted.delete(entry);
        if (answer !== null && !signal.aborted) await reply(answer).catch(() => undefined);
      });
    },
    endAll() {
      for (const { ended } of wanted) ended.abort();
    },
    running: () => (isReading ? [NAME] : []),
  };
}

/** Never rejects. */
async function answerTo(request: ReadSource, place: ReadPlace, ended: AbortSignal): Promise<SourceRead> {
  const answer = { type: 'source-read', id: request.id } as const;
  try {
    return { ...answer, problem: null, ...(await readFiles(request, place, ended)) };
  } catch (error) {
    const problem = inWords(hideValues(messageOf(error), secretsOf(request)));
    return { ...answer, problem, commit: null, files: [] };
  }
}

async function readFiles(
  request: ReadSource,
  place: ReadPlace,
  ended: AbortSignal,
): Promise<Pick<SourceRead, 'commit' | 'files'>> {
  const own = join(place.folder, NAME);
  const stop = new AbortController();
  const late = refused(`it was not read within ${READ_MS / 1_000} s`);
  const timer = setTimeout(() => stop.abort(late), READ_MS);
  const signal = AbortSignal.any([ended, stop.signal]);
  await rm(own, { recursive: true, force: true });
  await mkdir(own, { recursive: true, mode: 0o700 });
  const unwatch = watchRoom({
    ...{ folder: own, maxBytes: MAX_CLONE_BYTES, places: [own], leaveBytes: LEAVE_BYTES },
    onFull: (reason) => stop.abort(reason),
  });
  const held: string[] = [];
  const secretFiles: ReadPlace['secretFiles'] = {
    async write(name, files) {
      const written = await place.secretFiles.write(name, files);
      held.push(...written.map(({ source }) => dirname(source)));
      return written;
    },
  };
  try {
    const access = await accessOf(
      orderOf(request),
      { ...place, secretFiles },
      runningOf(request, signal),
      own,
    );
    const sha = await resolveCommit(request, access);
    const here = await fetched(request, sha, join(own, 'source'), access);
    return { commit: sha, files: await filesOf(sha, request.paths, here) };
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    unwatch();
    for (const path of [own, ...held])
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function filesOf(
  sha: string,
  globs: readonly string[],
  here: GitOptions,
): Promise<SourceRead['files']> {
  await git(['read-tree', sha], here);
  const listed = await git(
    ['ls-files', '--stage', '-z', '--', ...globs.map((glob) => `:(top,glob)${glob}`)],
    here,
  );
  const entries = listed.split('\0').flatMap((line) => {
    const [, mode = '', blob = '', path = ''] = /^(\d+) ([0-9a-f]+) \d\t(.*)$/s.exec(line) ?? [];
    return path === '' ? [] : [{ mode, blob, path }];
  });
  if (entries.length > MAX_FILES) throw refused(`it has ${entries.length} files, more than ${MAX_FILES}`);
  const files: SourceRead['files'] = [];
  let sum = 0;
  for (const { mode, blob, path } of entries.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const name = path.replace(/\p{Cc}/gu, '?');
    if (!mode.startsWith('100')) throw refused(`${name} is a link, and links are not followed`);
    const bytes = Number(await git(['cat-file', '-s', blob], here));
    if (bytes > MAX_FILE_BYTES) throw refused(`${name} is larger than ${MAX_FILE_BYTES / 1024} KiB`);
    sum += bytes;
    if (sum > MAX_ALL_BYTES)
      throw refused(`its files together are larger than ${MAX_ALL_BYTES / 1024 ** 2} MiB`);
    files.push({ path: name, text: await git(['cat-file', 'blob', blob], here) });
  }
  return files;
}

const orderOf = ({ repo, insecureHttp, deployKey, token }: ReadSource) => ({
  ...{ id: NAME, repo, insecureHttp },
  deployKey: deployKey === null ? null : 'deployKey',
  token: token === null ? null : 'token',
});

const runningOf = (request: ReadSource, signal: AbortSignal) => ({
  ...{ secrets: secretsOf(request), signal },
  log: { line: () => undefined },
});

const secretsOf = ({ deployKey, token }: ReadSource) => ({
  ...(deployKey === null ? {} : { deployKey }),
  ...(token === null ? {} : { token }),
});

/** What a build is told of its keys is said of a webhook's options. */
const inWords = (text: string): string =>
  text
    .replaceAll('the secret for build.', 'the secret for ')
    .replaceAll('; set build.token', '; see --token-secret')
    .replaceAll(', or mend build.branch', '');

const refused = (message: string): EngineError => new EngineError('refused', message);
