/**
 * One agent of a crowd: the agent's own session (its back-off, its receipts, its outbox) over a real WebSocket, and an engine
 * behind it that has done at once whatever is assigned.
 */
import { startLink } from '../agent/link.js';
import { identityPaths } from '../shared/identity-files.js';
import type { AllocationObserved, Assignment, NodeFacts, Status } from '../shared/protocol.js';

export interface MemberOptions {
  url: string;
  /** Holds its certificate and key, as `HOME/agent` of a host does. */
  folder: string;
  name: string;
  /** Called when an assignment was taken and its receipt is on the way. */
  onAssignment: (assignment: Assignment) => void;
}

const silent = { info() {}, warn() {}, error() {} };

export function startMember({ url, folder, name, onAssignment }: MemberOptions): void {
  const sinceMs = Date.now();
  let assignment: Assignment | null = null;
  const link = startLink({
    url,
    credentials: identityPaths(folder),
    facts: () => factsOf(name),
    revision: () => assignment?.revision ?? 0,
    status: () => statusOf(assignment, sinceMs),
    figures: () => null,
    onMessage: (message, reply) => {
      if (message.type !== 'assignment') return;
      assignment = message;
      const { revision } = message;
      reply({ type: 'receipt', revision, accepted: true, reason: null }).catch(() => undefined);
      onAssignment(message);
      link.changed();
    },
    onEnd: () => {},
    log: silent,
  });
}

const factsOf = (name: string): NodeFacts => ({
  name,
  address: '127.0.0.1',
  version: '0.0.0',
  os: 'linux',
  arch: 'x64',
  cpus: 64,
  memoryBytes: 2 ** 40,
  pid: process.pid,
});

function statusOf(assignment: Assignment | null, sinceMs: number): Omit<Status, 'type' | 'number'> {
  return {
    revision: assignment?.revision ?? 0,
    observedAtMs: Date.now(),
    engine: { state: 'up', version: '28.0', apiVersion: '1.48', reason: null },
    allocations: (assignment?.allocations ?? []).map(({ id, desired }) =>
      observed(id, desired === 'running', sinceMs),
    ),
    images: (assignment?.images ?? []).map(({ id, ref }) => ({
      id,
      state: 'ready',
      percent: null,
      imageId: `sha256:${ref}`,
      digest: null,
      reason: null,
    })),
    ingress: null,
  };
}

const observed = (id: string, isRunning: boolean, sinceMs: number): AllocationObserved => ({
  id,
  state: isRunning ? 'ready' : 'gone',
  reason: null,
  sinceMs,
  restarts: 0,
  exitCode: null,
  lastLogs: [],
  endpoint: null,
  containerId: isRunning ? `container-of-${id}` : null,
});
