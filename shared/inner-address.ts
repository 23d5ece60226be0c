/** Addresses that only lead to where they are asked from, or around there: what a master must not be sent to by who may not be there. */
import { BlockList, isIP } from 'node:net';

/** `own`: the host itself, or what is on its very link (metadata services of clouds too); `private`: RFC 1918, 6598 and 4193. */
export type Reach = 'own' | 'private' | 'public';

const subnets: [Exclude<Reach, 'public'>, string, number, 'ipv4' | 'ipv6'][] = [
  ['own', '0.0.0.0', 8, 'ipv4'],
  ['own', '127.0.0.0', 8, 'ipv4'],
  ['own', '169.254.0.0', 16, 'ipv4'],
  ['own', '224.0.0.0', 3, 'ipv4'], // multicast, reserved and broadcast
  ['own', '::', 127, 'ipv6'], // "::" and "::1"
  ['own', 'fe80::', 10, 'ipv6'],
  ['own', 'ff00::', 8, 'ipv6'],
  ['own', '64:ff9b::', 96, 'ipv6'], // IPv4 by way of IPv6: whatever stands in it
  ['own', '64:ff9b:1::', 48, 'ipv6'],
  ['own', '2002::', 16, 'ipv6'],
  ['private', '10.0.0.0', 8, 'ipv4'],
  ['private', '172.16.0.0', 12, 'ipv4'],
  ['private', '192.168.0.0', 16, 'ipv4'],
  ['private', '100.64.0.0', 10, 'ipv4'],
  ['private', 'fc00::', 7, 'ipv6'],
];

/** Of an IP address, also in brackets; null: it is a name. */
export function reachOf(host: string): Reach | null {
  const address = host.replace(/^\[|\]$|%.*$/g, '');
  const family = isIP(address);
  if (family === 0) return null;
  for (const kind of ['own', 'private'] as const) {
    const list = new BlockList();
    for (const [of, net, prefix, type] of subnets) if (of === kind) list.addSubnet(net, prefix, type);
    if (list.check(address, family === 4 ? 'ipv4' : 'ipv6')) return kind;
  }
  return 'public';
}
