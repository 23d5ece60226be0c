/**
 * `orca agent` as agent/main puts it together, but that it is back at once after each session, has no Docker, and dies of what
 * nobody has caught: for tests that end thousands of its sessions. Arguments: home, URL of the master.
 */
import { startAgent } from '../../agent/agent.js';
import { dockerEngine } from '../../agent/docker.js';
import { createLog } from '../../agent/log.js';
import { openMemory } from '../../agent/memory.js';
import { nodeFacts } from '../../agent/node-facts.js';
import { agentPaths } from '../../agent/settings.js';

const [home = '', masterUrl = ''] = process.argv.slice(2);
const paths = agentPaths(home);
const settings = {
  nodeId: 'n-00000000',
  name: 'one',
  masterUrl,
  docker: `unix://${home}/no.sock`,
  advertise: null,
};
await startAgent({
  settings,
  credentials: paths.credentials,
  engine: dockerEngine(settings.docker),
  memory: openMemory(paths.folder, (problem) => process.stdout.write(`memory: ${problem}\n`)),
  facts: () => nodeFacts(settings),
  hasIngress: () => false,
  createIngress: () => {
    throw new Error('there is no ingress here');
  },
  log: createLog((line) => process.stdout.write(`${line}\n`)),
  timing: { livenessMs: 15_000, retryMs: 0 },
});
