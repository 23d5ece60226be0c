/**
 * Does what a step says: one executor for each kind, complete by type. No decisions here: an executor calls the engine and
 * puts what it then observed into the facts; what the engine refuses rejects with `EngineError`.
 */

import type { Builder } from './build/builder.js';
import type { Carrier } from './carry/carrier.js';
import {
  type ContainerDns,
  type ContainerRequest,
  type Engine,
  EngineError,
  type ObservedContainer,
} from './engine.js';
import type { Facts } from './facts.js';
import { resolveImage } from './images.js';
import { type MountLock, realMounts } from './mount-sources.js';
import { fetchWords } from './plan-fetch.js';
import { sentAuth } from './registry-auth.js';
import type { SecretFiles } from './secret-files.js';
import { envWith, filesWith } from './secrets.js';
import type { Step, StepOf } from './step.js';

export interface ExecuteContext {
  engine: Engine;
  facts: Facts;
  cluster: string;
  publishAddress: string;
  /** What a new container of a project asks about names. */
  dnsFor(project: string): ContainerDns | null;
  secretFiles: SecretFiles;
  mountLock: MountLock;
  /** What brings images here that no registry has. */
  carrier(): Pick<Carrier, 'fetch'>;
  /** Null: nothing is built here. */
  builder: Builder | null;
  /** Looks at one container again and puts what it is now into the facts. */
  refresh(id: string): Promise<void>;
  onProgress(): void;
}

type Executors = { [K in Step['kind']]: (step: StepOf<K>, context: ExecuteContext) => Promise<void> };

export function execute(step: Step, context: ExecuteContext): Promise<void> {
  const run = executors[step.kind] as (step: Step, context: ExecuteContext) => Promise<void>;
  return run(step, context);
}

const executors: Executors = {
  async 'create-network'(step, { engine, facts, cluster }) {
    facts.networks.set(step.name, await engine.createNetwork(cluster, step.project, step.name));
  },

  async 'remove-network'(step, { engine, facts }) {
    await engine.removeNetwork(step.id);
    facts.networks.delete(step.name);
  },

  async 'resolve-image'(step, { engine, facts, onProgress }) {
    const registry = { ...engine, pull: pullAs(engine, facts) };
    const image = await resolveImage(registry, step, (percent) => {
      facts.percents.set(step.key, percent);
      onProgress();
    }).finally(() => facts.percents.delete(step.key));
    if (step.want !== null) facts.resolved.set(step.want, image);
    if (step.imageId !== null) facts.missing.delete(step.imageId);
  },

  async 'fetch-image'({ key, wanted, tags }, { engine, facts, carrier, onProgress }) {
    const tell = (words: string): void => {
      facts.doing.set(key, words);
      onProgress();
    };
    await fetchHere(engine, carrier, { wanted, tags }, tell).finally(() => facts.doing.delete(key));
    facts.missing.delete(wanted.imageId);
    for (const tag of tags) facts.tags.set(tag, wanted.imageId);
  },

  async 'build-image'(step, { facts, cluster, builder, onProgress }) {
    if (!builder) throw new EngineError('refused', 'this agent builds nothing');
    facts.resolved.set(step.want, await builder.build(step.order, cluster, facts.secrets, onProgress));
  },

  async 'create-container'(step, context) {
    const { engine, facts, cluster, publishAddress, dnsFor, refresh, secretFiles, mountLock } = context;
    const { allocation, network, name, attempt, level } = step;
    const mounts = await realMounts(allocation.container, mountLock);
    const dns = dnsFor(allocation.project);
    const files = await secretFiles.write(allocation.id, filesWith(allocation.container, facts.secrets));
    const request: ContainerRequest = {
      cluster,
      allocation,
      env: envWith(allocation.container, facts.secrets),
      mounts,
      files,
      network,
      publishAddress,
      dns,
      name,
      attempt,
      level,
    };
    const id = await engine.create(request);
    facts.attempts.set(allocation.id, attempt);
    await refresh(id);
  },

  async 'start-container'(step, { engine, facts, refresh, secretFiles, mountLock }) {
    const { allocation } = step;
    if (allocation) {
      await realMounts(allocation.container, mountLock);
      await secretFiles.write(allocation.id, filesWith(allocation.container, facts.secrets));
    }
    await engine.start(step.id);
    await refresh(step.id);
  },

  async 'stop-container'(step, { engine, refresh }) {
    await engine.stop(step.id, step.graceMs);
    await refresh(step.id);
  },

  async 'remove-container'(step, { engine, facts }) {
    await engine.remove(step.id);
    forgetContainer(facts, step.id);
  },

  async 'read-logs'(step, { engine, facts }) {
    const lines: string[] = [];
    const options = { tail: step.lines, sinceMs: null, follow: false };
    const container = facts.containers.get(step.id);
    facts.logs.set(step.id, lines);
    try {
      for await (const line of engine.logs(step.id, options, AbortSignal.timeout(10_000)))
        lines.push(line.text);
    } finally {
      // Also when they could not be read: an exit must not wait for its words for ever.
      facts.lastExits.set(step.allocation, {
        container: step.id,
        exitCode: exitCodeOf(container),
        lines: lines.slice(-step.lines),
      });
    }
  },

  async 'tag-image'(step, { engine, facts }) {
    await engine.tag(step.imageId, step.tag);
    facts.tags.set(step.tag, step.imageId);
  },

  async 'untag-image'(step, { engine, facts }) {
    await engine.untag(step.tag);
    facts.tags.delete(step.tag);
    facts.ownTags.delete(step.tag);
  },
};

/** With what the master has said of its registry. */
function pullAs(engine: Engine, facts: Facts): Engine['pull'] {
  return async (reference, onPercent) =>
    await engine.pull(reference, onPercent, { auth: sentAuth(reference, facts.registries) });
}

/** Somebody may have loaded it here meanwhile. */
async function fetchHere(
  engine: Engine,
  carrier: ExecuteContext['carrier'],
  { wanted, tags }: Pick<StepOf<'fetch-image'>, 'wanted' | 'tags'>,
  tell: (words: string) => void,
): Promise<void> {
  if ((await engine.image(wanted.imageId)) !== null) {
    for (const tag of tags) await engine.tag(wanted.imageId, tag);
  } else if (wanted.sources.length === 0 && wanted.from === undefined)
    throw new EngineError('refused', fetchWords(wanted));
  else await carrier().fetch(wanted, tags, tell);
}

const exitCodeOf = (container: ObservedContainer | undefined): number | null => container?.exitCode ?? null;

export function forgetContainer(facts: Facts, id: string): void {
  facts.containers.delete(id);
  facts.logs.delete(id);
  facts.health.delete(id);
}
