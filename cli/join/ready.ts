/**
 * `orca join URL --ready`: waits until the master says that this node's agent has a session and has reported, which is when
 * it is a node. Fails with the master's own reason when that takes too long.
 */
import { readFileSync } from 'node:fs';
import type { OwnNode } from '../../shared/api-join.js';
import { OrcaError } from '../../shared/errors.js';
import { identityPaths, readIdentity } from '../../shared/identity-files.js';
import { cleaned } from '../clean.js';
import { createHostClient } from '../client.js';
import { pause } from '../pause.js';
import { explained } from './wanted.js';

const WAIT_MS = 60_000;
const ASK_EVERY_MS = 500;

/** What the master says of the node with the identity in `folder`. Throws NODE_NOT_ENROLLED and MASTER_UNREACHABLE. */
export async function ownNode(url: URL, folder: string): Promise<OwnNode> {
  const identity = await readIdentity(identityPaths(folder)).catch((cause: unknown) => {
    throw new OrcaError('NODE_NOT_ENROLLED', `this host has no identity in ${folder}`, { cause });
  });
  const client = createHostClient(url.origin, readFileSync(identityPaths(folder).ca, 'utf8'), identity);
  const said = await client.get<OwnNode>('/nodes/self').catch((error: unknown) => {
    throw explained(error, url);
  });
  return cleaned(said);
}

/** True of a state in which its agent is heard and does what it is told. */
export const isUp = ({ state }: OwnNode): boolean => !['degraded', 'unreachable', 'lost'].includes(state);

export async function waitUntilReady(url: URL, folder: string, signal: AbortSignal): Promise<OwnNode> {
  const untilMs = Date.now() + WAIT_MS;
  for (;;) {
    const node = await ownNode(url, folder);
    if (isUp(node)) return node;
    if (signal.aborted || Date.now() > untilMs)
      throw new OrcaError(
        'TIMEOUT',
        `${node.name} is ${node.state} after ${WAIT_MS / 1_000} s: ${node.reason}`,
        {
          hint: 'See logs/agent.log in the home; the agent goes on trying. `orca doctor` asks again.',
        },
      );
    await pause(ASK_EVERY_MS, signal);
  }
}
