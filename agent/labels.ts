/**
 * The labels on what Orca makes, and the names of it: enough for an agent that lost everything to adopt its containers.
 * Labels of a running container are a format that later versions must go on reading.
 */
import { fingerprint } from '../shared/fingerprint.js';
import { type AllocationAssignment, allocationAssignmentSchema } from '../shared/protocol.js';
import { referringEnv } from './secrets.js';

export const LABEL_CLUSTER = 'orca.cluster';
export const LABEL_PROJECT = 'orca.project';
/** Of a volume that goes with the preview it was made for: `project/name`. */
export const LABEL_PREVIEW = 'orca.preview';
/** Of an image that was built from source: the id of its build. */
export const LABEL_BUILD = 'orca.build';
/**
 * The allocation itself as JSON, with the names of its environment variables in place of their values; `references`: those that refer
 * to secrets, as they are written, for the container has them with the values.
 */
export const LABEL_SOURCE = 'orca.source';
export const KEPT_PREFIX = 'orca.local/';

/** What labels say of a container. `level` is label `orca.restarts`: consecutive quick exits before it. */
export interface LabelFacts {
  cluster: string;
  project: string;
  service: string;
  allocation: string;
  attempt: number;
  level: number;
  fingerprint: string;
}

export function containerLabels(
  cluster: string,
  allocation: AllocationAssignment,
  attempt: number,
  level: number,
): Record<string, string> {
  return {
    [LABEL_CLUSTER]: cluster,
    [LABEL_PROJECT]: allocation.project,
    'orca.service': allocation.service,
    'orca.allocation': allocation.id,
    'orca.slot': String(allocation.slot),
    'orca.group': allocation.group,
    'orca.release': String(allocation.release),
    'orca.attempt': String(attempt),
    'orca.restarts': String(level),
    'orca.fingerprint': allocationFingerprint(allocation),
    ...(allocation.origin === undefined ? {} : { [LABEL_SOURCE]: sourceText(allocation) }),
  };
}

function sourceText(allocation: AllocationAssignment): string {
  const { container } = allocation;
  const references = referringEnv(container);
  return JSON.stringify({
    ...allocation,
    ...(Object.keys(references).length === 0 ? {} : { references }),
    container: { ...container, env: Object.keys(container.env) },
  });
}

interface Source {
  container: { env: string[] };
  references?: Record<string, string>;
}

/**
 * The allocation that a container was made for, from its label and its environment (`KEY=value`). Null when it was made by
 * an Orca that did not say, or is not what its fingerprint says: then nobody knows.
 */
export function readSource(labels: Record<string, string>, env: string[]): AllocationAssignment | null {
  const values = new Map(
    env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  try {
    const source = JSON.parse(labels[LABEL_SOURCE] ?? '') as Source;
    const references = new Map(Object.entries(source.references ?? {}));
    const named = source.container.env.map((name) => [name, references.get(name) ?? values.get(name)]);
    const container = { ...source.container, env: Object.fromEntries(named) };
    const allocation = allocationAssignmentSchema.parse({ ...source, container });
    return allocationFingerprint(allocation) === labels['orca.fingerprint'] ? allocation : null;
  } catch {
    return null;
  }
}

/** Never throws: a broken label gives an empty allocation, which nobody wants. */
export function readLabels(labels: Record<string, string>): LabelFacts {
  const attempt = Number(labels['orca.attempt'] ?? '1');
  const level = Number(labels['orca.restarts'] ?? '0');
  const sound = Number.isInteger(attempt) && attempt > 0 && Number.isInteger(level) && level >= 0;
  return {
    cluster: labels[LABEL_CLUSTER] ?? '',
    project: labels[LABEL_PROJECT] ?? '',
    service: labels['orca.service'] ?? '',
    allocation: sound ? (labels['orca.allocation'] ?? '') : '',
    attempt: sound ? attempt : 1,
    level: sound ? level : 0,
    fingerprint: labels['orca.fingerprint'] ?? '',
  };
}

/**
 * Tells an allocation from another one that was given the same id (a master whose store was lost). The list of fields
 * is fixed on purpose: were it the whole spec, a new version of Orca with one more field would replace every container.
 */
export function allocationFingerprint(allocation: AllocationAssignment): string {
  const { release, imageId, container } = allocation;
  const { command, entrypoint, env } = container;
  return fingerprint({ release, imageId, command, entrypoint, env }).slice(0, 16);
}

/** Where another Orca on the same engine has that name already, the cluster's own follows it. */
export function containerName(
  allocationId: string,
  attempt: number,
  { cluster, taken }: { cluster: string; taken: ReadonlySet<string> },
): string {
  const plain = `orca-${allocationId}-${attempt}`;
  return taken.has(plain) ? `${plain}-${fingerprint(cluster).slice(0, 6)}` : plain;
}

/** The project's network: `orca-<cluster>-<project>`; a long cluster name is cut, with a hash to keep it unique. */
export function networkName(cluster: string, project: string): string {
  const plain = cluster.replace(/[^a-zA-Z0-9_.-]/g, '-');
  const short =
    plain === cluster && plain.length <= 16
      ? plain
      : `${plain.slice(0, 9)}-${fingerprint(cluster).slice(0, 6)}`;
  return `orca-${short}-${project}`;
}
