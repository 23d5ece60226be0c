/** Claims that do not go together, with each other or with the store: they are shown, never guessed. Pure. */
import type { Copies, Copy } from './rebuild.js';
import { releaseFingerprint } from './releases.js';
import type { ServiceState } from './snapshot.js';

/** One id on two nodes, of those that are asked or of the store. */
export function doubles(
  copies: readonly Copy[],
  states: readonly ServiceState[],
  claimed: ReadonlySet<string>,
): string[] {
  const elsewhere = new Map(
    states.flatMap(({ allocations }) =>
      allocations.flatMap(({ id, node }) => (claimed.has(node) ? [] : [[id, node] as const])),
    ),
  );
  return copies.flatMap(({ allocation: { id }, node, nodeName }, at) => {
    const stored = elsewhere.get(id);
    if (stored !== undefined)
      return [`${id} runs on ${nodeName}, and this master has one of that id on ${stored}`];
    const twin = copies.find((other, i) => i < at && other.allocation.id === id && other.node !== node);
    return twin ? [`${id} runs on ${twin.nodeName} and on ${nodeName}`] : [];
  });
}

/** One number for two releases. */
export function differing(
  byService: ReadonlyMap<string, Copies>,
  before: ReadonlyMap<string, ServiceState>,
): string[] {
  const found = [...byService].flatMap(([key, copies]) => {
    const marks = new Map(
      (before.get(key)?.releases ?? []).map(({ number, fingerprint }) => [
        number,
        { fingerprint, where: 'in this store' },
      ]),
    );
    return copies.flatMap(({ allocation: { release, container, imageId }, nodeName }) => {
      const fingerprint = releaseFingerprint(container, imageId);
      const known = marks.get(release);
      if (!known) marks.set(release, { fingerprint, where: `on ${nodeName}` });
      if (!known || known.fingerprint === fingerprint) return [];
      return [`v${release} of ${key} is one thing ${known.where} and another on ${nodeName}`];
    });
  });
  return [...new Set(found)];
}
