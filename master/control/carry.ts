/**
 * Keeps who carries which image to whom (`plan/carry`), and says whose assignment it changes. Nodes that lack nothing cost a
 * comparison; nothing is computed while none lacks anything.
 */
import { isDeepStrictEqual } from 'node:util';
import { type CarryPart, carryParts, needsOn } from '../plan/carry.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

export interface Carrying {
  /** What a node fetches and serves now. */
  partOf(node: string): CarryPart;
  /** Brings it up to date; answers the nodes that it has changed for. */
  ensure(): string[];
  /** The node `reader` may read something from `holder` now. */
  mayRead(reader: string, holder: string): boolean;
}

const NOTHING: CarryPart = { fetch: [], serve: [] };

/** In `meta`: where the registry has images that no other has, by image id. */
const PUSHED = 'pushed-images';

/** `prefix`: what images are pushed below; null: they go from node to node. */
export function createCarrying(
  store: Pick<Store, 'follow' | 'meta' | 'write'>,
  states: States,
  prefix: () => string | null = () => null,
): Carrying {
  const said = new Map<string, string>();
  const stale = new Set<string>();
  let isStale = true;
  let parts = new Map<string, CarryPart>();
  store.follow(({ nodes, services }) => {
    for (const id of nodes) stale.add(id);
    if (services.size > 0) isStale ||= parts.size > 0;
  });
  /** True when what a changed node says of images is something else than before. */
  const isNews = (id: string): boolean => {
    const node = states.node(id);
    const { carry = null, connectedAtMs = null } = node ?? {};
    const now = carry === null ? '' : JSON.stringify([carry, connectedAtMs !== null, node?.facts.address]);
    const before = said.get(id) ?? '';
    if (now === '') said.delete(id);
    else said.set(id, now);
    return now !== before;
  };
  return {
    partOf: (node) => parts.get(node) ?? NOTHING,
    ensure() {
      for (const id of stale) isStale = isNews(id) || isStale;
      stale.clear();
      if (!isStale) return [];
      isStale = false;
      const before = parts;
      const below = prefix();
      const registry = below === null ? null : { prefix: below, pushed: keepPushed(store, states) };
      parts = carryParts(states.nodes(), (node) => needsOn(node, states.on(node)), registry);
      const concerned = new Set([...before.keys(), ...parts.keys()]);
      return [...concerned].filter((id) => !isDeepStrictEqual(before.get(id), parts.get(id)));
    },
    mayRead: (reader, holder) =>
      (parts.get(holder)?.serve ?? []).some(({ readers }) => readers.includes(reader)),
  };
}

/** With what nodes have said since; what no kept release is made of is forgotten. */
function keepPushed(store: Pick<Store, 'meta' | 'write'>, states: States): Record<string, string> {
  const before = (store.meta(PUSHED) as Record<string, string> | undefined) ?? {};
  const said = states.nodes().flatMap(({ carry }) => carry?.pushed ?? []);
  const all = {
    ...before,
    ...Object.fromEntries(said.flatMap(({ imageId, at }) => (at ? [[imageId, at]] : []))),
  };
  if (Object.keys(all).length === 0) return all;
  const needed = new Set(states.all().flatMap(({ releases }) => releases.map(({ image }) => image.id)));
  const kept = Object.fromEntries(Object.entries(all).filter(([imageId]) => needed.has(imageId)));
  if (!isDeepStrictEqual(kept, before)) store.write((tx) => tx.putMeta(PUSHED, kept));
  return kept;
}
