/**
 * What previews leave behind goes with them: every node is told which previews there are, and removes the volumes that were made for others.
 * Asked when a preview is gone, and once an hour for nodes that were away then.
 */
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { Store } from '../store/store.js';
import { type CleanupOptions, neededImages } from './cleanup.js';

const EVERY_MS = 3_600_000;

export function startPreviewVolumes(options: CleanupOptions, log: Log): Loop {
  const { store, states } = options;
  const loop = startLoop(
    async () => {
      // An older agent does not know the request.
      const nodes = states
        .nodes()
        .filter(({ connectedAtMs, facts }) => connectedAtMs !== null && facts.builds !== undefined);
      await Promise.all(nodes.map(({ id, facts }) => oneNode(options, id, facts.name, log)));
    },
    {
      everyMs: EVERY_MS,
      onError: (error) => log.error({ error: messageOf(error) }, 'volumes of previews are left'),
    },
  );
  const unwatch = store.watch(({ services }) => {
    if ([...services].some((key) => isGone(store, key))) loop.wake();
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}

/** What was called like a preview and is no more. */
const isGone = (store: Store, key: string): boolean =>
  /-pr-\d+$/.test(key) && store.service(key) === undefined;

/** A node that does not answer is asked again. */
async function oneNode(options: CleanupOptions, id: string, name: string, log: Log): Promise<void> {
  const { store, states, ask } = options;
  const previews = states.all().flatMap(({ service }) => (service.spec.preview ? [service.key] : []));
  try {
    const { volumes = [] } = await ask(id, { isDry: true, keep: neededImages(options), previews });
    if (volumes.length === 0) return;
    store.write((tx) =>
      tx.addEvent({
        ...{ atMs: Date.now(), kind: 'node.cleaned', service: null, node: id, rollout: null },
        message: `node ${name}: removed what previews left there: ${volumes.join(', ')}`,
      }),
    );
  } catch (error) {
    log.warn({ node: name, error: messageOf(error) }, 'volumes of previews are left, and asked for again');
  }
}
