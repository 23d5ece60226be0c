/** Schema 1 → 2: what canaries brought. Every record gets what it would have had, had there been canaries before. */
import type { Table } from './database.js';
import type { Tables } from './tables.js';

type Stored = Record<string, unknown>;

const deploy = {
  canarySteps: [],
  stepMs: 60_000,
  autoPromote: false,
  analysis: null,
  groupHeader: false,
  preDeploy: null,
};

export function migrateCanaries(tables: Tables): void {
  each(tables.services, (service) => ({
    maintenance: null,
    ...service,
    spec: withDeploy(service.spec),
    planned: { canaryWeight: 0, ...(service.planned as Stored) },
  }));
  each(tables.releases, (release) => ({ ...release, spec: withDeploy(release.spec) }));
  each(tables.rollouts, (rollout) => ({
    paused: null,
    canary: null,
    acts: [],
    ...rollout,
    spec: withDeploy(rollout.spec),
  }));
  each(tables.nodes, (node) => ({
    ...node,
    ingressObserved: node.ingressObserved && { weights: [], ...(node.ingressObserved as Stored) },
  }));
}

function withDeploy(spec: unknown): Stored {
  const before = spec as Stored;
  return { ...before, deploy: { ...deploy, ...(before.deploy as Stored) } };
}

/** Only what is missing is added, so that it could be run twice. */
function each<V>(table: Table<V>, change: (value: Stored) => Stored): void {
  for (const key of table.keys()) {
    const value = table.get(key);
    if (value !== undefined) table.put(key, change(value as unknown as Stored) as unknown as V);
  }
}
