/** What may be a range of virtual addresses: addresses that no host on the internet has, enough of them, and not all there are. */
import { overlap, readRange } from '../ipv4.js';
import { shown } from './limits.js';

/** Where nobody's public addresses are: private ones, and those between providers and their customers. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];
const WIDEST = 12;
const NARROWEST = 24;

/** Why `text` can't be one; null when it can. */
export function serviceRangeProblem(text: string): string | null {
  const range = readRange(text);
  const isPrivate = range !== null && PRIVATE.some((one) => overlap(readRange(one) ?? range, range));
  if (isPrivate && range.prefix >= WIDEST && range.prefix <= NARROWEST) return null;
  return `must be a range of private addresses from /${WIDEST} to /${NARROWEST} that begins where it says, such as "10.213.0.0/16"; it is ${shown(text)}`;
}
