/**
 * Which node fetches which image from which other ones, for images that no registry has. Pure. A node gets what an allocation of
 * its own is made of and what it says it lacks; who serves an image hears by name who may read it, and nobody else may.
 */
import type { Carry, CarryFetch, CarrySource } from '../../shared/carry.js';
import type { Node, Release } from '../../shared/model.js';
import type { ServiceState } from './snapshot.js';

/** No registry has the image of this release, or none is to be asked for it. */
export const isCarried = ({ image, spec }: Pick<Release, 'image' | 'spec'>): boolean =>
  image.digest === null || spec.container.pull === 'never';

export interface CarryNeed {
  imageId: string;
  ref: string;
  /** Where its release had it from; absent: nobody knows. */
  node?: string | undefined;
}

/** What the allocations of a node are made of and no registry has. */
export function needsOn(node: string, services: readonly ServiceState[]): CarryNeed[] {
  const needs = new Map<string, CarryNeed>();
  for (const { allocations, releases } of services)
    for (const allocation of allocations) {
      if (allocation.node !== node || allocation.desired === 'stopped') continue;
      const release = releases.find(({ number }) => number === allocation.release);
      if (release !== undefined && isCarried(release))
        needs.set(release.image.id, {
          imageId: release.image.id,
          ref: release.image.ref,
          node: release.image.node,
        });
    }
  return [...needs.values()];
}

/** By node: what it fetches and serves. `needs`: by node, as above. */
export type CarryPart = Omit<Carry, 'watch'>;

/** More than this many nodes are not named to one that fetches. */
const MAX_SOURCES = 5;

/** Where images are pushed instead, and what is there already, by image id. */
export interface CarryRegistry {
  prefix: string;
  pushed: Readonly<Record<string, string>>;
}

export function carryParts(
  nodes: readonly Node[],
  needs: (node: string) => readonly CarryNeed[],
  registry: CarryRegistry | null = null,
): Map<string, CarryPart> {
  const parts = new Map<string, CarryPart>();
  const partOf = (node: string): CarryPart => {
    const part = parts.get(node) ?? { fetch: [], serve: [] };
    parts.set(node, part);
    return part;
  };
  const sorted = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const reader of sorted) {
    const lacks = reader.carry?.lacks ?? [];
    if (lacks.length === 0) continue;
    for (const need of needs(reader.id).filter(({ imageId }) => lacks.includes(imageId))) {
      const holders = holdersOf(need.imageId, reader, sorted);
      if (registry !== null) {
        const { fetch, pusher } = byRegistry(need, holders, registry);
        partOf(reader.id).fetch.push(fetch);
        if (pusher !== null) order(partOf(pusher.id), need, registry);
        continue;
      }
      const sources = holders.flatMap(sourceOf).slice(0, MAX_SOURCES);
      const nowhere = holders.length === 0 ? { isNowhere: true } : {};
      const reason = reasonOf(need, holders, sources);
      const { imageId, ref } = need;
      partOf(reader.id).fetch.push({ imageId, ref, sources, reason, ...nowhere });
      for (const holder of holders.slice(0, MAX_SOURCES)) grant(partOf(holder.id), need, reader.id);
    }
  }
  return parts;
}

function byRegistry(
  { node: origin, ...need }: CarryNeed,
  holders: readonly Node[],
  { prefix, pushed }: CarryRegistry,
): { fetch: CarryFetch; pusher: Node | null } {
  const at = Object.hasOwn(pushed, need.imageId) ? pushed[need.imageId] : undefined;
  if (at?.startsWith(`${prefix}/`))
    return { fetch: { ...need, sources: [], reason: null, from: at }, pusher: null };
  if (holders.length === 0)
    return {
      fetch: { ...need, sources: [], reason: reasonOf(need, holders, []), isNowhere: true },
      pusher: null,
    };
  const live = holders.filter(({ connectedAtMs }) => connectedAtMs !== null);
  // The same for every reader, so that it is pushed once; before those that only say that they have it, where it comes from.
  const [first = null] = live.sort((a, b) => (a.id < b.id ? -1 : 1));
  const pusher = live.find(({ id }) => id === origin) ?? first;
  const failed = pusher?.carry?.pushed?.find(({ imageId }) => imageId === need.imageId)?.reason ?? null;
  const reason =
    pusher === null ? reasonOf(need, holders, []) : `${pusher.facts.name} pushes it to ${prefix}`;
  return { fetch: { ...need, sources: [], reason: failed ?? reason }, pusher };
}

function order(part: CarryPart, { imageId, ref }: CarryNeed, { prefix }: CarryRegistry): void {
  const all = part.push ?? [];
  part.push = all;
  if (all.some((one) => one.imageId === imageId)) return;
  const name = /([a-z0-9._-]+?)(:[^/]*)?(@.*)?$/.exec(ref)?.[1] ?? 'image';
  all.push({ imageId, ref, to: `${prefix}/${name}:${imageId.replace(/^sha256:/, '').slice(0, 16)}` });
}

/** Those that are connected first; each reader begins at another one, so that many at once are not all at the same. */
function holdersOf(imageId: string, reader: Node, sorted: readonly Node[]): Node[] {
  const all = sorted.filter(({ id, carry }) => id !== reader.id && carry?.holds.includes(imageId));
  const live = all.filter(({ connectedAtMs }) => connectedAtMs !== null);
  const away = all.filter(({ connectedAtMs }) => connectedAtMs === null);
  const turn = live.length === 0 ? 0 : sorted.indexOf(reader) % live.length;
  return [...live.slice(turn), ...live.slice(0, turn), ...away];
}

/** One that has not said where it serves is not asked yet. */
function sourceOf({ id, facts, carry }: Node): CarrySource[] {
  const port = carry?.port ?? null;
  if (port === null) return [];
  return [{ node: id, name: facts.name, address: facts.address, port: port === 0 ? null : port }];
}

function reasonOf(
  { ref }: CarryNeed,
  holders: readonly Node[],
  sources: readonly CarrySource[],
): string | null {
  if (sources.length > 0) return null;
  const [first] = holders;
  if (first === undefined)
    return `no node that the master knows of has it: load it on one of them (\`docker load\`, or \`docker build -t ${ref}\`), and it goes on`;
  const { facts, connectedAtMs, carry } = first;
  if (connectedAtMs === null) return `${facts.name} has it and is not connected`;
  return `${facts.name} has it and gets ready to serve it${carry?.problem ? `: ${carry.problem}` : ''}`;
}

function grant({ serve }: CarryPart, { imageId, ref }: CarryNeed, reader: string): void {
  const known = serve.find((one) => one.imageId === imageId);
  if (known) known.readers.push(reader);
  else serve.push({ imageId, ref, readers: [reader] });
}
