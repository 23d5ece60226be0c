/**
 * One agent of a crowd: the agent's own session (its back-off, its receipts, its outbox) over a real WebSocket, and an engine
 * behind it that has done at once whatever is assigned.
 */
import { startLink } from '../agent/link.js';
import { identityPaths } from '../shared/identity-files.js';
import type { Assignment, NodeFacts } from '../shared/protocol.js';
import { statusOf } from '../test/support/fake-agent.js';

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
  let assignment: Assignment | null = null;
  const link = startLink({
    url,
    credentials: identityPaths(folder),
    facts: () => factsOf(name),
    revision: () => assignment?.revision ?? 0,
    status: () => {
      const { type: _type, number: _number, ...status } = statusOf(assignment, 0);
      return status;
    },
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
