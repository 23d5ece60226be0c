/** The containers' part of the engine port on dockerode. */

import type { LogLine } from '../shared/protocol.js';
import { toCreateOptions } from './docker-create.js';
import { ANSWER_MS, ask, askMaybe, toEngineError, WORK_MS } from './docker-errors.js';
import { logLines, outputText } from './docker-streams.js';
import type { Docker } from './dockerode.js';
import { type Engine, EngineError, type LogOptions, type ObservedContainer } from './engine.js';
import { type DockerInspect, toObservedContainer } from './inspect.js';
import { LABEL_CLUSTER } from './labels.js';

type Containers = Pick<
  Engine,
  'containers' | 'container' | 'madeWith' | 'create' | 'start' | 'stop' | 'remove' | 'logs' | 'exec'
>;

const AT_ONCE = 8;

export function dockerContainers(docker: Docker): Containers {
  const inspect = async (id: string): Promise<DockerInspect | null> => {
    const found = await askMaybe(ANSWER_MS, (abortSignal) =>
      docker.getContainer(id).inspect({ abortSignal }),
    );
    return found as unknown as DockerInspect | null;
  };
  const container = async (id: string): Promise<ObservedContainer | null> => {
    const found = await inspect(id);
    return found && toObservedContainer(found);
  };
  return {
    container,
    async madeWith(id) {
      const found = await inspect(id);
      return found && { labels: found.Config.Labels ?? {}, env: found.Config.Env ?? [] };
    },
    containers: (cluster) => containersOf(docker, cluster, container),
    async create(request) {
      const made = await ask(WORK_MS, (abortSignal) =>
        docker.createContainer({ ...toCreateOptions(request), abortSignal }),
      );
      return made.id;
    },
    start: (id) => unlessDone(ask(WORK_MS, (abortSignal) => docker.getContainer(id).start({ abortSignal }))),
    stop: (id, graceMs) => stopContainer(docker, id, graceMs),
    remove: (id) =>
      unlessGone(
        ask(WORK_MS, (abortSignal) => docker.getContainer(id).remove({ v: true, force: false, abortSignal })),
      ),
    logs: (id, options, signal) => readLogs(docker, id, options, signal),
    exec: (id, command, signal) => runInside(docker, id, command, signal),
  };
}

/** All of the cluster's: a list, then an inspect each, a few at a time. One that vanished meanwhile is left out. */
async function containersOf(
  docker: Docker,
  cluster: string,
  inspect: (id: string) => Promise<ObservedContainer | null>,
): Promise<ObservedContainer[]> {
  const filters = { label: [`${LABEL_CLUSTER}=${cluster}`] };
  const listed = await ask(ANSWER_MS, (abortSignal) =>
    docker.listContainers({ all: true, filters, abortSignal }),
  );
  const ids = listed.map(({ Id }) => Id);
  const found: (ObservedContainer | null)[] = [];
  const worker = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) found.push(await inspect(id));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found.filter((c): c is ObservedContainer => c !== null);
}

/** `docker stop` takes whole seconds; the answer comes when it has ended. */
async function stopContainer(docker: Docker, id: string, graceMs: number): Promise<void> {
  const t = Math.ceil(graceMs / 1_000);
  await unlessGone(
    unlessDone(ask(graceMs + WORK_MS, (abortSignal) => docker.getContainer(id).stop({ t, abortSignal }))),
  );
}

/** 304: it is so already. */
async function unlessDone(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    const cause =
      error instanceof EngineError ? (error.cause as { statusCode?: number } | undefined) : undefined;
    if (cause?.statusCode !== 304) throw error;
  });
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    const gone =
      error instanceof EngineError &&
      (error.kind === 'not-found' || /removal of container .* is already in progress/i.test(error.message));
    if (!gone) throw error;
  });
}

async function* readLogs(
  docker: Docker,
  id: string,
  { tail, sinceMs, follow }: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const options = {
    stdout: true,
    stderr: true,
    timestamps: true,
    follow,
    tail: tail ?? 'all',
    ...(sinceMs === null ? {} : { since: (sinceMs / 1_000).toFixed(3) }),
  };
  const stream = await openStream(
    docker,
    { path: `/containers/${id}/logs?`, method: 'GET', options },
    signal,
  );
  try {
    yield* logLines(stream);
  } catch (error) {
    if (!signal.aborted) throw toEngineError(error);
  }
}

/** dockerode streams logs only when following; the whole of 30 MB must not stand in memory otherwise either. */
function openStream(
  docker: Docker,
  call: { path: string; method: string; options: object },
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      { ...call, abortSignal, isStream: true, statusCodes },
      (error: unknown, stream: unknown) =>
        error ? reject(toEngineError(error)) : resolve(stream as AsyncIterable<Buffer>),
    );
  });
}

/** Runs a command in the container; aborting stops waiting, the command itself can't be ended through Docker. */
async function runInside(
  docker: Docker,
  id: string,
  command: string[],
  abortSignal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  try {
    const exec = await docker
      .getContainer(id)
      .exec({ Cmd: command, AttachStdout: true, AttachStderr: true, abortSignal });
    const stream = await exec.start({ hijack: false, stdin: false, abortSignal });
    const output = await outputText(stream as AsyncIterable<Buffer>, 2_000);
    const { ExitCode } = await exec.inspect({ abortSignal });
    return { exitCode: ExitCode ?? -1, output };
  } catch (error) {
    throw toEngineError(error);
  }
}
