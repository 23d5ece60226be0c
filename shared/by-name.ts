/** The order in which people look for names: `node-2` before `node-10`. */
const natural = new Intl.Collator('en', { numeric: true });

/** For `sort`. Names that are alike to a reader but not the same have a fixed order too. */
export function byName({ name: one }: { name: string }, { name: other }: { name: string }): number {
  return natural.compare(one, other) || (one < other ? -1 : Number(one > other));
}
