/**
 * Which nodes get no assignment, and why: their agents may know of containers that this store does not, and an assignment
 * without those would remove them. Kept in `meta`, under one key a node.
 */
interface Meta {
  meta(key: string): unknown;
}

interface MetaWriter {
  putMeta(key: string, value: unknown): void;
  deleteMeta(key: string): void;
}

/**
 * `unheard`: the store was restored, and this node has not been compared with it since. `held`: somebody has to decide, with
 * `orca adopt` or `orca nodes uncordon`.
 */
export interface Hold {
  state: 'unheard' | 'held';
  /** What its agent remembers; an assignment has to be above it to be taken. */
  revision: number;
  /** What is the matter, as the end of a sentence that begins with the node; empty while it is unheard. */
  why: string;
}

/** In `meta`: since when this store knows of every node that was issued a certificate, ms; absent: since ever. */
export const KNOWN_SINCE = 'known-since';

export const holdKey = (node: string): string => `held|${node}`;

/** In `meta`: this node was removed, and is let in no more. */
export const removedKey = (node: string): string => `removed|${node}`;

/** Null: the node is this master's. */
export function holdOf(reader: Meta, node: string): Hold | null {
  const stored = reader.meta(holdKey(node));
  // An earlier version kept the revision alone.
  if (typeof stored === 'number') return { state: 'held', revision: stored, why: rememberedWhy(stored) };
  return (stored as Hold | undefined) ?? null;
}

export const putHold = (tx: MetaWriter, node: string, hold: Hold): void => tx.putMeta(holdKey(node), hold);

export const dropHold = (tx: MetaWriter, node: string): void => tx.deleteMeta(holdKey(node));

export const rememberedWhy = (revision: number): string =>
  `goes on with revision ${revision}, which this master does not know`;
