/** The images' part of the engine port on dockerode, for both image stores (classic and containerd). */
import { addAbortSignal, type Readable } from 'node:stream';
import { messageOf } from '../shared/errors.js';
import { ANSWER_MS, ask, askMaybe, toEngineError, WORK_MS } from './docker-errors.js';
import { jsonLines } from './docker-streams.js';
import type { Docker } from './dockerode.js';
import { type Engine, EngineError, type RegistryAuth } from './engine.js';
import { repositoryOf } from './images.js';
import { KEPT_PREFIX } from './labels.js';
import { advancePull, noProgress } from './pull-progress.js';
import { registryAuth } from './registry-auth.js';
import { hideValues, toldTo } from './secrets.js';

type Images = Pick<
  Engine,
  'image' | 'pull' | 'push' | 'imagePlaces' | 'keptTags' | 'tag' | 'untag' | 'passingReferences'
>;

export function dockerImages(docker: Docker): Images {
  return {
    async image(reference) {
      const found = await askMaybe(ANSWER_MS, () => docker.getImage(reference).inspect());
      return found && { id: found.Id, digest: digestOf(reference, found.RepoDigests ?? []) };
    },
    async pull(reference, onPercent, { auth = null, signal } = {}) {
      const authconfig = auth ?? (await registryAuth(reference));
      const options = authconfig === null ? {} : { authconfig };
      await followed(docker.pull(reference, options), onPercent, signal).catch(withoutAuth(authconfig));
    },
    async push(reference, authconfig, onPercent) {
      const pushed = followed(docker.getImage(reference).push({ authconfig }), onPercent);
      await pushed.catch(withoutAuth(authconfig));
    },
    async imagePlaces() {
      const info = (await ask(ANSWER_MS, () => docker.info())) as DockerInfo;
      const isContainerd = (info.DriverStatus ?? []).some(([, value]) =>
        /containerd\.snapshotter/.test(value),
      );
      return [info.DockerRootDir, ...(isContainerd ? [CONTAINERD] : [])];
    },
    async keptTags() {
      const filters = { reference: [`${KEPT_PREFIX}*/*`] };
      const listed = await ask(ANSWER_MS, (abortSignal) => docker.listImages({ filters, abortSignal }));
      const tags = listed.flatMap(({ Id, RepoTags }) =>
        (RepoTags ?? []).filter((tag) => tag.startsWith(KEPT_PREFIX)).map((tag) => [tag, Id] as const),
      );
      return new Map(tags);
    },
    async tag(imageId, tag) {
      const repo = repositoryOf(tag);
      await ask(ANSWER_MS, () => docker.getImage(imageId).tag({ repo, tag: tag.slice(repo.length + 1) }));
    },
    async passingReferences(port) {
      const prefix = `127.0.0.1:${port}/`;
      const filters = { reference: [`${prefix}*/*`] };
      const listed = await ask(ANSWER_MS, (abortSignal) => docker.listImages({ filters, abortSignal }));
      return listed
        .flatMap(({ RepoTags, RepoDigests }) => [...(RepoTags ?? []), ...(RepoDigests ?? [])])
        .filter((reference) => reference.startsWith(prefix));
    },
    async untag(tag) {
      await askMaybe(WORK_MS, (abortSignal) => docker.getImage(tag).remove({ noprune: true, abortSignal }));
    },
  };
}

interface DockerInfo {
  DockerRootDir: string;
  DriverStatus?: [string, string][] | null;
}

/** Where containerd keeps what it stores, unless somebody told it otherwise; Docker does not say. */
const CONTAINERD = '/var/lib/containerd';

/** The digest under which the reference's own registry knows the image; another one's would be no use to pull it. */
function digestOf(reference: string, digests: string[]): string | null {
  const repository = repositoryOf(reference);
  return digests.find((digest) => repositoryOf(digest) === repository) ?? digests[0] ?? null;
}

/** Throws the error in words without what the registry was told: it may say that again, also as it stands in a header. */
function withoutAuth(auth: RegistryAuth | null): (error: unknown) => never {
  return (error) => {
    if (auth === null || !(error instanceof EngineError)) throw error;
    const words = hideValues(error.message, toldTo('registry', auth.username, auth.password));
    throw words === error.message ? error : new EngineError(error.kind, words);
  };
}

/** Docker answers 200 and says in the stream what went wrong; it stops when nobody reads on. */
async function followed(
  begun: Promise<NodeJS.ReadableStream>,
  onPercent: (percent: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const progress = noProgress();
  try {
    const stream = addAbortSignal(signal ?? new AbortController().signal, (await begun) as Readable);
    for await (const line of jsonLines(stream)) {
      if (typeof line.error === 'string') throw new EngineError('refused', line.error);
      if (advancePull(progress, line)) onPercent(progress.percent);
    }
  } catch (error) {
    if (signal?.aborted) throw new EngineError('refused', messageOf(signal.reason), error);
    throw toEngineError(error);
  }
}
