/** A real agent, with its real link, in this process: run from a home as `orca agent` is, with Docker in memory. */
import type { Test } from 'tap';
import { type Agent, startAgent } from '../../agent/agent.js';
import { openMemory } from '../../agent/memory.js';
import { nodeFacts } from '../../agent/node-facts.js';
import { agentPaths, readSettings } from '../../agent/settings.js';
import { fakeEngine } from './fake-engine.js';

export interface AgentOfHome extends Agent {
  /** What it has logged, oldest first. */
  logged: { message: string; [field: string]: unknown }[];
}

export async function agentOfHome(t: Test, home: string): Promise<AgentOfHome> {
  const paths = agentPaths(home);
  const settings = await readSettings(paths);
  const logged: AgentOfHome['logged'] = [];
  const note = (fields: object, message: string): void => void logged.push({ ...fields, message });
  const agent = await startAgent({
    settings,
    credentials: paths.credentials,
    engine: fakeEngine(),
    memory: openMemory(paths.folder, (problem) => t.equal(problem, null)),
    facts: () => nodeFacts(settings),
    hasIngress: () => false,
    createIngress: () => {
      throw new Error('this node has no ingress');
    },
    log: { info: note, warn: note, error: note },
    timing: { livenessMs: 5_000, retryMs: 10 },
    lookEveryMs: 500,
  });
  t.teardown(() => agent.stop());
  return { ...agent, logged };
}
