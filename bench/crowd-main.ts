/**
 * The process of a crowd: `URL FOLDER COUNT`. Tells its parent of each assignment that an agent has taken: which agent, when
 * (ms since the epoch, with fractions), and how many allocations it holds.
 */
import { join } from 'node:path';
import { startMember } from './crowd-member.js';

/** What is sent to the parent. */
export interface Taken {
  agent: number;
  atMs: number;
  allocations: number;
}

const [url = '', folder = '', count = '0'] = process.argv.slice(2);
for (let agent = 0; agent < Number(count); agent += 1)
  startMember({
    url,
    folder: join(folder, String(agent)),
    name: `agent-${agent}`,
    onAssignment: ({ allocations }) => {
      const atMs = performance.timeOrigin + performance.now();
      process.send?.({ agent, atMs, allocations: allocations.length } satisfies Taken);
    },
  });
process.on('disconnect', () => process.exit(0));
