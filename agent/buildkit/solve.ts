/**
 * One build with BuildKit, over the connections that Docker hands over to it: `/grpc`, where it is told what to build and says how far it is, and
 * `/session`, where it asks for what it needs. `docker build` of today does the same; `POST /build` takes neither a cgroup for the steps nor secrets
 * (read in moby 20.10, 23.0, 28.2 and 2.0 beta). Who ends the connections ends the build.
 */
import { randomBytes } from 'node:crypto';
import { EngineError, type ImageBuild, type RegistryAuth } from '../engine.js';
import { type GrpcClient, GrpcError, grpcClient, serveGrpc } from './grpc.js';
import { handedOver } from './handed-over.js';
import { createProgress } from './progress.js';
import { mapField, textField } from './protobuf.js';
import { sessionAnswers } from './session.js';

export interface Solve {
  request: ImageBuild;
  context: NodeJS.ReadableStream;
  auths: Readonly<Record<string, Omit<RegistryAuth, 'serveraddress'>>>;
  /** Below which the steps' cgroups are made; null: where Docker makes them. */
  cgroupParent: string | null;
  onLine: (text: string) => void;
  signal: AbortSignal;
}

/** Resolves when the image has its tag. Rejects with an `EngineError`, or the signal's reason. */
export async function solve(socketPath: string, work: Solve): Promise<void> {
  const { request, signal, context } = work;
  const session = randomBytes(16).toString('hex');
  const contextId = randomBytes(16).toString('hex');
  const parts = {
    contextId,
    context: context as AsyncIterable<Buffer>,
    secrets: request.secrets,
    auths: work.auths,
  };
  const answers = sessionAnswers(parts);
  const ends: (() => void)[] = [];
  const end = (): void => ends.forEach((one) => void one());
  signal.addEventListener('abort', end, { once: true });
  try {
    const methods = { 'x-docker-expose-session-grpc-method': [...answers.keys()] };
    const who = { 'x-docker-expose-session-uuid': session, 'x-docker-expose-session-name': 'orca' };
    const asked = await handedOver(socketPath, '/session', { ...who, ...methods }, signal);
    ends.push(serveGrpc(asked, answers).close);
    const client = grpcClient(await handedOver(socketPath, '/grpc', {}, signal));
    ends.push(client.close);
    signal.throwIfAborted();
    await run(client, work, { session, contextId });
  } catch (error) {
    signal.throwIfAborted();
    throw toEngineError(error);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

async function run(
  client: GrpcClient,
  { request, cgroupParent, onLine }: Solve,
  { session, contextId }: { session: string; contextId: string },
): Promise<void> {
  const ref = randomBytes(16).toString('hex');
  const progress = createProgress(onLine);
  const solved = client.call(
    '/moby.buildkit.v1.Control/Solve',
    Buffer.concat([
      textField(1, ref),
      textField(3, 'moby'),
      mapField(4, { name: request.tag }),
      textField(5, session),
      textField(6, 'dockerfile.v0'),
      mapField(7, attributesOf(request, cgroupParent, contextId)),
    ]),
    () => undefined,
  );
  // It ends with the build; that it can't be told how far it is ends no build.
  const told = client
    .call('/moby.buildkit.v1.Control/Status', textField(1, ref), progress.add)
    .catch(() => undefined);
  try {
    await solved;
    await told;
  } finally {
    progress.end();
  }
}

/** As BuildKit's Dockerfile frontend takes them. PURE. */
export function attributesOf(
  { dockerfile, args, labels, target, platform, cacheScope }: ImageBuild,
  cgroupParent: string | null,
  contextId: string,
): Record<string, string> {
  const named = (prefix: string, map: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}:${key}`, value]));
  return {
    ...named('build-arg', args),
    // Ids of caches that steps mount are the whole BuildKit's without it (`SCOPE/ID` with it; 0.8 and current).
    'build-arg:BUILDKIT_CACHE_MOUNT_NS': cacheScope,
    ...named('label', labels),
    context: `http://buildkit-session/${contextId}`,
    filename: dockerfile,
    // With it a `# syntax=` line is not followed: the image it names would run beside what the limits hold.
    cmdline: 'orca',
    ...(target === null ? {} : { target }),
    ...(platform === null ? {} : { platform }),
    ...(cgroupParent === null ? {} : { 'cgroup-parent': cgroupParent }),
  };
}

function toEngineError(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  if (error.isGone) return new EngineError('down', 'Docker broke the build off without an answer', error);
  return new EngineError('refused', error.message.trim(), error);
}
