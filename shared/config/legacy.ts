/**
 * What the Rust Orca (0.3) had and this one has not: each refused with one sentence that says what to do instead.
 * An empty value (`null`, `[]`, `{}`, `false`) is how its clients send an unset option, and passes.
 */
import { isTable } from './plain.js';
import type { Problem } from './problem.js';

const refusedInService: Record<string, string> = {
  module: 'WebAssembly modules are not run here; package the program as a container image and set image',
  triggers: 'triggers belonged to WebAssembly modules; give the service a domain and routes instead',
  assets: 'static assets are not served by Orca; serve them from an image with a web server in it',
  backup: 'backups of volumes are not made by Orca; run a backup tool as a service with the same mounts',
  'resources.gpu': 'GPUs are not scheduled here; remove it and pin the service to a node with placement.node',
  'placement.requires': 'is not known here; match nodes by placement.labels',
};

const refusedInCluster: Record<string, string> = {
  ai: 'there is no AI assistant here; remove the table',
  observability: 'Orca pushes nothing; scrape GET /metrics with Prometheus and remove the table',
  backup: 'use `orca backup` from a timer of the system and remove the table',
  fallback: 'is not known here; deploy a service with the wildcard domain instead',
  'cluster.network': 'Orca sets up no overlay network; join the hosts to one and pass --advertise ADDRESS',
};

/** Drops what is refused but empty, and reports what is refused and set. Changes `table`, a copy of the caller's. */
export function refuseRustKeys(table: Record<string, unknown>, of: 'service' | 'cluster'): Problem[] {
  const refused = of === 'service' ? refusedInService : refusedInCluster;
  const problems: Problem[] = [];
  for (const [key, message] of Object.entries(refused)) {
    const path = key.split('.');
    const last = path.at(-1) ?? key;
    const parent = path.length === 1 ? table : table[path[0] ?? ''];
    if (!isTable(parent) || !Object.hasOwn(parent, last)) continue;
    if (!isEmpty(parent[last])) problems.push({ path, message });
    delete parent[last];
  }
  return [...problems, ...blueGreen(table)];
}

function blueGreen(table: Record<string, unknown>): Problem[] {
  const deploy = table.deploy;
  if (!isTable(deploy) || typeof deploy.strategy !== 'string') return [];
  if (!/^blue[-_]?green$/i.test(deploy.strategy)) return [];
  // The rest is checked as what it should become.
  deploy.strategy = 'canary';
  const message =
    'blue-green is a kind of canary here: write strategy = "canary", canary_replicas = (as many as replicas), canary_steps = [0] and auto_promote = false; then `orca promote` switches';
  return [{ path: ['deploy', 'strategy'], message }];
}

function isEmpty(value: unknown): boolean {
  if (value === false || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isTable(value) && Object.keys(value).length === 0;
}
