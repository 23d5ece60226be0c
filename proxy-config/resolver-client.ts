/** The agent's side of the resolver's control socket: one connection a message, answered soon or an error. */
import { exchange } from './control-client.js';
import type { ControlReply } from './resolver.js';
import type { CertificateTable } from './tls.js';
import type { RecordTable } from './upstreams.js';

export type ControlAnswer = Extract<ControlReply, { ok: true }>;

export interface ResolverClient {
  /** Whether it lives, its pid, its ports, and the revision and ages of what it serves. */
  ping(): Promise<ControlAnswer>;
  /** Replaces all records; resolves when they are served; `unstored` says whether they are on disk. Rejects with the resolver's own reason. */
  publish(revision: number, table: RecordTable): Promise<ControlAnswer>;
  /** Replaces all certificates; as `publish` else. */
  certify(certificates: CertificateTable): Promise<ControlAnswer>;
}

const PING_TIMEOUT_MS = 500;
const PUBLISH_TIMEOUT_MS = 3_000;

/** A client of the control socket at `socketPath`; connects only when called. */
export function resolverClient(socketPath: string): ResolverClient {
  const call = async (message: object, timeoutMs: number): Promise<ControlAnswer> => {
    const reply = await exchange<ControlReply>(socketPath, { message, timeoutMs, who: 'the resolver' });
    if (!reply.ok) throw new Error(`the resolver refused: ${reply.reason}`);
    return reply;
  };
  return {
    ping: () => call({ op: 'ping' }, PING_TIMEOUT_MS),
    certify: (certificates) => call({ op: 'certify', certificates }, PUBLISH_TIMEOUT_MS),
    publish: (revision, table) => call({ op: 'publish', revision, table }, PUBLISH_TIMEOUT_MS),
  };
}
