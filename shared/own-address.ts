/**
 * Whether an address is one of this host: what is given as `--advertise` is where containers' ports are published, which
 * Docker can only do at an address that the host has.
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { OrcaError } from './errors.js';

/** Throws USAGE, with the addresses that this host has. `from` says where the address was given. */
export function checkOwnAddress(address: string, from = '--advertise', own = ownAddresses()): void {
  if (own.some((one) => isSame(one, address))) return;
  throw new OrcaError('USAGE', `${from} must be an address of this host; it is ${JSON.stringify(address)}`, {
    hint: `This host has ${own.join(', ') || 'none'}.`,
  });
}

/** Without their zones; the loopback's last. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const sorted = [...all.filter(({ internal }) => !internal), ...all.filter(({ internal }) => internal)];
  return sorted.map(({ address }) => address.replace(/%.*/, ''));
}

/** IPv6 addresses have several spellings. */
function isSame(one: string, other: string): boolean {
  const family = isIP(one);
  if (family === 0 || isIP(other) !== family) return false;
  const list = new BlockList();
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  list.addAddress(one, kind);
  return list.check(other, kind);
}
