/**
 * What BuildKit asks of who builds, for as long as the build lasts: whether we are still there, the context, the values of secrets, and who we are to a
 * registry. A secret is handed over when a step mounts it and is in no argument, no layer, no history and no cache key. Answers one build alone: the
 * name of its context is a secret of its own.
 */
import type { RegistryAuth } from '../engine.js';
import { type Answer, GrpcError, NOT_FOUND } from './grpc.js';
import { bytesField, numberField, readFields, textField, textOf } from './protobuf.js';

export interface SessionParts {
  /** The last part of the context's address. */
  contextId: string;
  /** A tar; it can be read once. */
  context: AsyncIterable<Buffer>;
  /** By the id that the Dockerfile mounts it with. */
  secrets: Readonly<Record<string, string>>;
  /** By registry. */
  auths: Readonly<Record<string, Omit<RegistryAuth, 'serveraddress'>>>;
}

const SERVING = 1;
/** gRPC's messages have 4 MB at most. */
const PIECE_BYTES = 1024 ** 2;

/** By the method's path. */
export function sessionAnswers(parts: SessionParts): ReadonlyMap<string, Answer> {
  return new Map<string, Answer>([
    ['/grpc.health.v1.Health/Check', { kind: 'one', run: () => numberField(1, SERVING) }],
    ['/moby.upload.v1.Upload/Pull', { kind: 'many', run: (headers) => upload(parts, headers) }],
    ['/moby.buildkit.secrets.v1.Secrets/GetSecret', { kind: 'one', run: (asked) => secret(parts, asked) }],
    ['/moby.filesync.v1.Auth/Credentials', { kind: 'one', run: (asked) => credentials(parts, asked) }],
  ]);
}

async function* upload(
  { contextId, context }: SessionParts,
  headers: Record<string, string | string[] | undefined>,
): AsyncGenerator<Buffer> {
  if (headers.urlpath !== `/${contextId}`) throw new GrpcError(NOT_FOUND, 'there is no such context');
  for await (const chunk of context)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES)
      yield bytesField(1, chunk.subarray(at, at + PIECE_BYTES));
}

function secret({ secrets }: SessionParts, asked: Buffer): Buffer {
  const id = textOf(readFields(asked), 1);
  const value = Object.hasOwn(secrets, id) ? secrets[id] : undefined;
  if (value === undefined) throw new GrpcError(NOT_FOUND, `the build has no secret ${id}; see build.secrets`);
  return bytesField(1, Buffer.from(value, 'utf8'));
}

/** Nothing for a registry that is not known: it is asked without. */
function credentials({ auths }: SessionParts, asked: Buffer): Buffer {
  const host = textOf(readFields(asked), 1);
  const names =
    host === 'registry-1.docker.io'
      ? ['https://index.docker.io/v1/', 'docker.io']
      : [host, `https://${host}`];
  const name = names.find((one) => Object.hasOwn(auths, one));
  const auth = name === undefined ? undefined : auths[name];
  return auth ? Buffer.concat([textField(1, auth.username), textField(2, auth.password)]) : Buffer.alloc(0);
}
