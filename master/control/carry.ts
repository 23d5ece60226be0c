/**
 * Keeps who carries which image to whom (`plan/carry`), and says whose assignment it changes. Nodes that lack nothing cost a
 * comparison; nothing is computed while none lacks anything.
 */
import { isDeepStrictEqual } from 'node:util';
import { type CarryPart, type CarryRegistry, carryParts, needsOn } from '../plan/carry.js';
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
      const partsWith = (registry: CarryRegistry | null): Map<string, CarryPart> =>
        carryParts(states.nodes(), (node) => needsOn(node, states.on(node)), registry);
      const known = below === null ? {} : pushedIn(store);
      parts = partsWith(below === null ? null : { prefix: below, pushed: known });
      const pushed = below === null ? known : keepPushed(store, states, parts);
      if (below !== null && pushed !== known) parts = partsWith({ prefix: below, pushed });
      const concerned = new Set([...before.keys(), ...parts.keys()]);
      return [...concerned].filter((id) => !isDeepStrictEqual(before.get(id), parts.get(id)));
    },
    mayRead: (reader, holder) =>
      (parts.get(holder)?.serve ?? []).some(({ readers }) => readers.includes(reader)),
  };
}

const pushedIn = (store: Pick<Store, 'meta'>): Record<string, string> =>
  (store.meta(PUSHED) as Record<string, string> | undefined) ?? {};

/** With what nodes have said since, each of what it was ordered to push, and where; what no kept release is made of is forgotten. */
function keepPushed(
  store: Pick<Store, 'meta' | 'write'>,
  states: States,
  parts: ReadonlyMap<string, CarryPart>,
): Record<string, string> {
  const before = pushedIn(store);
  const said = states.nodes().flatMap(({ id, carry }) =>
    (carry?.pushed ?? []).flatMap(({ imageId, at }): [string, string][] => {
      const ordered = parts.get(id)?.push?.find((one) => one.imageId === imageId);
      return at !== null && ordered !== undefined && isOf(at, ordered.to) ? [[imageId, at]] : [];
    }),
  );
  const all = Object.entries(before).concat(said);
  if (all.length === 0) return before;
  const needed = new Set(states.all().flatMap(({ releases }) => releases.map(({ image }) => image.id)));
  const kept = Object.fromEntries(all.filter(([imageId]) => needed.has(imageId)));
  if (isDeepStrictEqual(kept, before)) return before;
  store.write((tx) => tx.putMeta(PUSHED, kept));
  return kept;
}

/** By digest, in the repository that it was to go to. */
const isOf = (at: string, to: string): boolean => at.startsWith(`${to.slice(0, to.lastIndexOf(':'))}@`);
