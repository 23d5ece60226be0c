/**
 * Old images of builds: on request, and by itself where a disk is nearly full. What is kept is what a kept release, a rollout that is under way or
 * a copy that runs is made from, on whatever node; the agents remove the rest of what they have built, and nothing else.
 */
import type { CleanupReply } from '../../shared/api-builds.js';
import type { Cleaned } from '../../shared/cleanup.js';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

export interface CleanupOptions {
  store: Store;
  states: Pick<States, 'all' | 'nodes'>;
  ask(node: string, request: { isDry: boolean; keep: string[]; previews?: string[] }): Promise<Cleaned>;
}

export type CleanUp = (isDry: boolean) => Promise<CleanupReply>;

export function createCleanUp(options: CleanupOptions): CleanUp {
  return async (isDry) => {
    const nodes = await Promise.all(builders(options).map(({ id }) => oneNode(options, id, isDry)));
    return {
      nodes: nodes.map(({ name, images, problem }) => ({
        node: name,
        images: images.map(({ tag, sizeBytes }) => ({ tag, size_bytes: sizeBytes })),
        problem,
      })),
    };
  };
}

const EVERY_MS = 3_600_000;
/** Of the disk that Docker's images are on. */
const FULL_PERCENT = 85;

/** Looks once an hour. */
export function startCleanUp(options: CleanupOptions, log: Log): Loop {
  return startLoop(
    async () => {
      for (const { id } of builders(options)) {
        const { images, diskUsedPercent } = await oneNode(options, id, true);
        if (images.length > 0 && (diskUsedPercent ?? 0) >= FULL_PERCENT) await oneNode(options, id, false);
      }
    },
    {
      everyMs: EVERY_MS,
      onError: (error) => log.error({ error: messageOf(error) }, 'images were not cleaned up'),
    },
  );
}

const builders = ({ states }: CleanupOptions) =>
  states.nodes().filter(({ connectedAtMs, facts }) => connectedAtMs !== null && facts.builds === true);

async function oneNode(
  options: CleanupOptions,
  id: string,
  isDry: boolean,
): Promise<Pick<Cleaned, 'images' | 'problem' | 'diskUsedPercent'> & { name: string }> {
  const { store, states, ask } = options;
  const name = states.nodes().find((node) => node.id === id)?.facts.name ?? id;
  try {
    const cleaned = await ask(id, { isDry, keep: neededImages(options) });
    const count = cleaned.images.length;
    if (!isDry && count > 0)
      store.write((tx) =>
        tx.addEvent({
          ...{ atMs: Date.now(), kind: 'node.cleaned', service: null, node: id, rollout: null },
          message: `node ${name}: removed ${count === 1 ? 'an image that was' : `${count} images that were`} built there and that nothing needs any more`,
        }),
      );
    return { ...cleaned, name };
  } catch (error) {
    return { name, images: [], problem: messageOf(error), diskUsedPercent: null };
  }
}

export function neededImages({ states }: Pick<CleanupOptions, 'states'>): string[] {
  const ofReleases = states.all().flatMap(({ releases }) => releases.map(({ image }) => image.id));
  const underWay = states.nodes().flatMap(({ images }) => images.flatMap(({ imageId }) => imageId ?? []));
  return [...new Set([...ofReleases, ...underWay])].sort();
}
