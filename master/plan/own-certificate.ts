/**
 * Which of the user's own certificates serves a name. PURE. In this order: the one of the files that a service of that name names
 * itself; one for exactly the name before a wildcard; the one that lasts longest. One that has expired only where no other is.
 */

export interface Candidate {
  id: string;
  /** Lower case; `*.example.com` stands for one label. */
  names: readonly string[];
  notAfterMs: number;
}

/** Before an own certificate expires its owner is told, and `orca certs` says so. */
export const EXPIRES_SOON_MS = 14 * 86_400_000;

export const uploadId = (name: string): string => `upload:${name}`;
export const filesId = (service: string): string => `files:${service}`;

/** Null: none covers the name. `named`: ids of the files of the services that have it. */
export function chooseOwn<C extends Candidate>(
  all: readonly C[],
  name: string,
  named: readonly string[],
  nowMs: number,
): C | null {
  const rank = ({ id, names, notAfterMs }: C): (number | string)[] => [
    notAfterMs > nowMs ? 0 : 1,
    named.includes(id) ? 0 : 1,
    coverage(names, name) === 'exact' ? 0 : 1,
    -notAfterMs,
    id,
  ];
  const fitting = all.filter(({ names }) => coverage(names, name) !== null);
  return fitting.sort((a, b) => compare(rank(a), rank(b)))[0] ?? null;
}

/** A wildcard stands for exactly one label (RFC 6125, 6.4.3). */
export function coverage(names: readonly string[], name: string): 'exact' | 'wildcard' | null {
  const wanted = name.toLowerCase();
  if (names.includes(wanted)) return 'exact';
  const dot = wanted.indexOf('.');
  return dot > 0 && !wanted.startsWith('*') && names.includes(`*${wanted.slice(dot)}`) ? 'wildcard' : null;
}

function compare(a: (number | string)[], b: (number | string)[]): number {
  for (const [at, one] of a.entries()) {
    const other = b[at] as typeof one;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}
