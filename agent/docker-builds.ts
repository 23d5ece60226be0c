/**
 * Builds, with BuildKit (`docker-buildkit.ts`) or on dockerode with the classic builder, whose steps run in containers, which memory and CPU limits hold.
 * Seen on Docker 20.10: who closes the connection ends the build and its container.
 */
import { createLines } from './build/lines.js';
import { dockerBuildKit } from './docker-buildkit.js';
import { ANSWER_MS, ask, askMaybe, toEngineError, WORK_MS } from './docker-errors.js';
import { jsonLines } from './docker-streams.js';
import type { Docker } from './dockerode.js';
import { type BuiltImage, type Engine, EngineError, type ImageBuild } from './engine.js';
import { LABEL_BUILD, LABEL_CLUSTER } from './labels.js';
import { registriesAuth } from './registry-auth.js';

const PERIOD_US = 100_000;
/** Beside a container of the default 1,024 a step gets an eighth where both want all. */
const CPU_SHARES = 128;

export function dockerBuilds(
  docker: Docker,
  socket: string,
): Pick<Engine, 'build' | 'kit' | 'builtImages' | 'removeBuilt'> {
  const buildKit = dockerBuildKit(docker, socket);
  return {
    async build(request, context, onLine, signal) {
      const work = { request, context, onLine, signal };
      if (request.builder === 'classic') return build(docker, work);
      await buildKit.build(work);
      return inspected(docker, request.tag);
    },
    kit: () => buildKit.kit(),
    async builtImages(cluster) {
      const filters = { label: [LABEL_BUILD, `${LABEL_CLUSTER}=${cluster}`] };
      const listed = await ask(ANSWER_MS, (abortSignal) => docker.listImages({ filters, abortSignal }));
      return listed.map(({ Id, RepoTags, Size, Created, Labels }) => ({
        id: Id,
        tags: (RepoTags ?? []).filter((tag) => tag !== '<none>:<none>'),
        sizeBytes: Size,
        createdAtMs: Created * 1_000,
        labels: Labels ?? {},
      }));
    },
    async removeBuilt(tag) {
      await askMaybe(WORK_MS, (abortSignal) => docker.getImage(tag).remove({ abortSignal }));
    },
  };
}

interface Work {
  request: ImageBuild;
  context: NodeJS.ReadableStream;
  onLine: (text: string) => void;
  signal: AbortSignal;
}

async function build(docker: Docker, work: Work): Promise<BuiltImage> {
  const { request, context, signal } = work;
  try {
    const options = await optionsOf(request, signal);
    const stream = (await docker.buildImage(context, options)) as unknown as NodeJS.ReadableStream & {
      destroy(): void;
    };
    const cut = (): void => stream.destroy();
    signal.addEventListener('abort', cut, { once: true });
    try {
      await follow(stream as AsyncIterable<Buffer>, work);
    } finally {
      signal.removeEventListener('abort', cut);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw toEngineError(error);
  }
  return inspected(docker, request.tag);
}

/** Docker answers 200 and says in the stream what went wrong. */
async function follow(stream: AsyncIterable<Buffer>, { onLine, signal }: Work): Promise<void> {
  const lines = createLines(onLine);
  let isDone = false;
  for await (const line of jsonLines(stream)) {
    if (typeof line.stream === 'string') lines.add(line.stream);
    else if (typeof line.status === 'string' && line.progress === undefined) lines.add(`${line.status}\n`);
    if (typeof line.error === 'string') {
      lines.end();
      throw new EngineError('refused', line.error.trim());
    }
    isDone ||= line.aux !== undefined;
  }
  lines.end();
  signal.throwIfAborted();
  if (!isDone) throw new EngineError('down', 'Docker broke the build off without an answer');
}

async function optionsOf(request: ImageBuild, abortSignal: AbortSignal) {
  const { tag, dockerfile, args, labels, target, platform, memoryBytes, cpus } = request;
  const registryconfig = await registriesAuth();
  return {
    t: tag,
    dockerfile,
    buildargs: args,
    labels,
    ...(target === null ? {} : { target }),
    ...(platform === null ? {} : { platform }),
    memory: memoryBytes,
    memswap: memoryBytes,
    cpuperiod: PERIOD_US,
    cpuquota: Math.max(1_000, Math.round(cpus * PERIOD_US)),
    cpushares: CPU_SHARES,
    rm: true,
    forcerm: true,
    ...(registryconfig === null ? {} : { registryconfig }),
    abortSignal,
  };
}

async function inspected(docker: Docker, tag: string): Promise<BuiltImage> {
  const found = await ask(ANSWER_MS, () => docker.getImage(tag).inspect());
  return {
    id: found.Id,
    tags: found.RepoTags ?? [],
    sizeBytes: found.Size,
    createdAtMs: Date.parse(found.Created),
    labels: found.Config?.Labels ?? {},
  };
}
