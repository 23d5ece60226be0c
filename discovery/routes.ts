/** What the host's routes say of a range of addresses, as `ip -4 route show table all` prints them. PURE. */
import { addressText, overlap, type Range, readRange } from '../shared/ipv4.js';

/** The route that takes addresses of the range elsewhere, as it was printed; null: it is free, or ours already. */
export function routeInTheWay(printed: string, range: Range): string | null {
  const found = printed.split('\n').find((line) => {
    if (line.startsWith(`local ${addressText(range.base)}/${range.prefix} dev lo`)) return false;
    const taken = destinationOf(line);
    // `default` has no address; a route as wide as everything is the same thing.
    return taken !== null && taken.prefix > 0 && overlap(taken, range);
  });
  return found?.trim() ?? null;
}

function destinationOf(line: string): Range | null {
  const destination = line.split(' ').find((word) => /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(word));
  return destination === undefined ? null : readRange(destination);
}
