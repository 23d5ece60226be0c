/**
 * One build, from its order to its image: which commit, whether that was built already, the clone, the context, Docker. Whatever becomes of it, nothing
 * of it is left but the image, the log and Docker's cache; the key of the repository lies on a tmpfs for as long as git runs. Bounded by its timeout as a
 * whole.
 */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { BuildObserved, BuildOrder } from '../../shared/build.js';
import { formatDuration } from '../../shared/duration.js';
import { messageOf } from '../../shared/errors.js';
import { fingerprint } from '../../shared/fingerprint.js';
import type { SentSecrets } from '../../shared/protocol.js';
import { type BuiltImage, type Engine, EngineError, type ObservedImage } from '../engine.js';
import { LABEL_BUILD, LABEL_CLUSTER, LABEL_PROJECT } from '../labels.js';
import type { SecretFiles } from '../secret-files.js';
import { basicOf, hideValues } from '../secrets.js';
import { buildSecrets, hidden, secretOf, withoutSecrets } from './build-secrets.js';
import { chosenBuilder } from './choose.js';
import { type Commit, clone, resolveCommit } from './clone.js';
import { findContext, packContext } from './context.js';
import type { GitOptions } from './git.js';
import type { BuildLog } from './log.js';
import { watchRoom } from './room.js';
import { refuseForeignSources } from './sources.js';
import { pinnedKeys, sshEnvironment } from './ssh.js';

export interface BuildPlace {
  engine: Engine;
  cluster: string;
  /** Below it is what belongs to one build, `known_hosts` beside that. */
  folder: string;
  secretFiles: Pick<SecretFiles, 'write'>;
  maxCloneBytes?: number;
}

export interface Running {
  secrets: SentSecrets;
  log: BuildLog;
  onProgress(change: Partial<BuildObserved>): void;
  /** Aborted with the reason why it is to end. */
  signal: AbortSignal;
}

const MAX_CLONE_BYTES = 4 * 1024 ** 3;
const LEAVE_BYTES = 1024 ** 3;

/** Rejects with an `EngineError`, whose message is for people. */
export async function runBuild(
  order: BuildOrder,
  place: BuildPlace,
  running: Running,
): Promise<ObservedImage> {
  const own = join(place.folder, order.id);
  const ended = new AbortController();
  const timer = setTimeout(() => ended.abort(lateError(order)), order.timeoutMs);
  const signal = AbortSignal.any([running.signal, ended.signal]);
  await rm(own, { recursive: true, force: true });
  await mkdir(own, { recursive: true, mode: 0o700 });
  const unwatch = watchRoom({
    folder: own,
    maxBytes: place.maxCloneBytes ?? MAX_CLONE_BYTES,
    places: [own, ...(await place.engine.imagePlaces().catch(() => []))],
    leaveBytes: LEAVE_BYTES,
    onFull: (reason) => ended.abort(reason),
  });
  try {
    return await steps(order, place, { ...running, signal }, own);
  } catch (error) {
    throw signal.aborted ? reasonOf(signal) : error;
  } finally {
    clearTimeout(timer);
    unwatch();
    await rm(own, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function steps(
  order: BuildOrder,
  place: BuildPlace,
  running: Running,
  own: string,
): Promise<ObservedImage> {
  const { log, onProgress } = running;
  const gitPlace = await accessOf(order, place, running, own);
  onProgress({
    state: 'cloning',
    reason: `asks ${order.repo} for ${order.ref.replace(/^refs\/(heads|tags)\//, '')}`,
  });
  const sha = await resolveCommit(order, gitPlace);
  const tag = tagOf(order, sha);
  onProgress({ commit: sha, tag });
  const known = await place.engine.image(tag);
  if (known) return already(order, place, { tag, sha, known }, running);
  log.line(`orca: clones ${order.repo} at ${sha}`);
  onProgress({ reason: `clones ${sha.slice(0, 12)}` });
  const folder = join(own, 'source');
  const commit = await clone(order, sha, folder, gitPlace);
  log.line(`orca: ${sha.slice(0, 12)} by ${commit.author}: ${commit.subject}`);
  onProgress({
    state: 'building',
    reason: 'sends its files to Docker',
    author: commit.author,
    subject: commit.subject,
  });
  const image = await built(order, place, running, { commit, folder, tag });
  log.line(`orca: built ${tag} (${image.id}, ${megabytes(image.sizeBytes)})`);
  onProgress({ sizeBytes: image.sizeBytes, reason: `built ${tag}` });
  return { id: image.id, digest: null };
}

/** The same commit with the same settings is not built twice. */
async function already(
  order: BuildOrder,
  { engine, cluster }: BuildPlace,
  { tag, sha, known }: { tag: string; sha: string; known: ObservedImage },
  { log, onProgress }: Running,
): Promise<ObservedImage> {
  const mine = (await engine.builtImages(cluster)).find((image) => image.id === known.id);
  log.line(`orca: ${order.repo} at ${sha} was built already: ${tag}`);
  onProgress({ sizeBytes: mine?.sizeBytes ?? null, reason: `already built: ${tag}` });
  return known;
}

async function built(
  order: BuildOrder,
  { engine, cluster }: BuildPlace,
  running: Running,
  { commit, folder, tag }: { commit: Commit; folder: string; tag: string },
): Promise<BuiltImage> {
  const context = await findContext(folder, order);
  const builder = chosenBuilder({
    text: context.text,
    dockerfile: order.dockerfile,
    hasSecrets: Object.keys(order.secrets ?? {}).length > 0,
    kit: await engine.kit(),
  });
  refuseForeignSources({ ...order, text: context.text });
  const secrets = buildSecrets(order, running.secrets);
  running.onProgress({ builder });
  const tar = packContext(context, commit.atMs);
  const memoryBytes = order.memoryBytes ?? Math.floor(totalmem() / 2);
  const request = {
    tag,
    dockerfile: context.dockerfile,
    args: order.args,
    labels: labelsOf(order, cluster, commit),
    target: order.target,
    platform: order.platform,
    memoryBytes,
    cpus: order.cpus ?? Math.max(1, availableParallelism() / 2),
    builder,
    secrets,
    cacheScope: cacheScopeOf(order, cluster),
  };
  const onLine = (said: string): void => {
    const text = withoutSecrets(said, secrets);
    running.log.line(text);
    const step = /^(?:Step |#\d+ \[[^\]]*?)(\d+)\/(\d+)(?: : |\] )(.*)$/.exec(text);
    if (step) running.onProgress({ reason: `step ${step[1]}/${step[2]}: ${step[3]?.slice(0, 120)}` });
  };
  try {
    return await engine.build(request, tar as unknown as NodeJS.ReadableStream, onLine, running.signal);
  } catch (error) {
    throw withMemory(hidden(error, secrets), memoryBytes);
  } finally {
    tar.destroy();
  }
}

/** As few as tell whose it is: each is a step of the build, of a fifth of a second on Docker 20.10. */
function labelsOf(order: BuildOrder, cluster: string, commit: Commit): Record<string, string> {
  return {
    [LABEL_CLUSTER]: cluster,
    [LABEL_PROJECT]: order.project,
    'orca.service': order.service,
    [LABEL_BUILD]: order.id,
    'orca.commit': commit.sha,
  };
}

/**
 * What a step leaves in a cache is taken by the next build as it is, so that whoever can write there has a hand in that: it stays within the project,
 * and what nobody has merged, a preview's, within the preview. Names hold no dots.
 */
const cacheScopeOf = ({ project, service, isPreview }: BuildOrder, cluster: string): string =>
  [cluster, project, ...(isPreview ? [service] : [])].join('.');

/** `orca-build/<project>/<service>:<commit>-<what else decides>`. */
export function tagOf(order: BuildOrder, sha: string): string {
  const { repo, dockerfile, context, target, platform, args, secrets = {} } = order;
  const ids = Object.keys(secrets).sort();
  const withIds = ids.length === 0 ? {} : { secrets: ids };
  const what = fingerprint({ repo, dockerfile, context, target, platform, args, ...withIds }).slice(0, 8);
  return `orca-build/${order.project}/${order.service}:${sha.slice(0, 12)}-${what}`;
}

/** How git gets in: the key in a file on a tmpfs, the token in the environment, for this repository alone. */
export async function accessOf(
  order: Pick<BuildOrder, 'id' | 'repo' | 'token' | 'deployKey' | 'insecureHttp'>,
  { folder, secretFiles }: Pick<BuildPlace, 'folder' | 'secretFiles'>,
  { secrets, log, signal }: Pick<Running, 'secrets' | 'signal'> & { log: Pick<BuildLog, 'line'> },
  own: string,
): Promise<Omit<GitOptions, 'cwd'>> {
  const pinned = join(folder, 'known_hosts');
  const before = new Set(await pinnedKeys(pinned));
  const tellPins = async (): Promise<void> => {
    for (const key of await pinnedKeys(pinned))
      if (!before.has(key)) {
        before.add(key);
        log.line(`orca: the host key ${key} was never seen before; it is pinned on this node from now on`);
      }
  };
  const onLine = (text: string): void => {
    log.line(text);
    if (/known hosts/.test(text)) void tellPins();
  };
  const hide = (text: string): string => hideValues(text, secrets);
  const base = { home: own, insecureHttp: order.insecureHttp, config: [], env: {}, hide, onLine, signal };
  if (order.token !== null) {
    const token = secretOf(order.token, 'build.token', secrets).trim();
    const basic = basicOf(token.includes(':') ? token : `x-access-token:${token}`);
    const told = { ...secrets, header: { value: basic, reason: null } };
    // Its submodules on the same server are read with it too; no other server is told.
    return {
      ...base,
      config: [[`http.${new URL(order.repo).origin}/.extraHeader`, `Authorization: Basic ${basic}`]],
      hide: (text) => hideValues(text, told),
    };
  }
  if (order.deployKey === null) return base;
  const value = `${secretOf(order.deployKey, 'build.deploy_key', secrets).trim()}\n`;
  const [key] = await secretFiles.write(order.id, [{ path: 'key', mode: 0o600, value }]).catch((cause) => {
    throw new EngineError('refused', `the deploy key can not be kept in memory: ${messageOf(cause)}`, cause);
  });
  return { ...base, env: await sshEnvironment({ folder: join(own, 'ssh'), pinned, key: key?.source ?? '' }) };
}

function withMemory(error: unknown, memoryBytes: number): unknown {
  if (!(error instanceof EngineError) || !/(?:non-zero|exit) code: 137\b/.test(error.message)) return error;
  const limit = `${Math.floor(memoryBytes / 1024 ** 2)} MiB`;
  return new EngineError(
    error.kind,
    `${error.message} (137: it was killed, most likely for more memory than its ${limit}; see build.memory)`,
    error,
  );
}

const lateError = ({ timeoutMs }: BuildOrder): EngineError =>
  new EngineError(
    'refused',
    `it was not done within ${formatDuration(timeoutMs)} (build.timeout), and was stopped`,
  );

const reasonOf = ({ reason }: AbortSignal): unknown =>
  reason instanceof EngineError ? reason : new EngineError('refused', 'it was cancelled', reason);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
