/**
 * The packet rules that bring a container's packets for virtual addresses to the companion, as text for `iptables-restore`. PURE.
 *
 * The addresses are local on every node (a route of the type `local`), but nothing listens on them: ports such as 80 are taken by
 * Caddy or by fixed ports of other containers, which hold them on every address of the host. So a rule changes the port
 * alone, before Docker's own rules see the packet, and the companion tells services by the address that stays. What comes
 * from anywhere but a project's network, and what a project does not have, never gets there. A second chain of that name lets what
 * comes from our networks in, past a firewall that drops what containers send to their host.
 */
import type { Served } from './served.js';

/** Nothing listens on tcpmux's port: what is sent there is refused at once by the kernel. */
const REFUSING_PORT = 1;

/** Both chains whole, to be put in the place of what they were; `port` is where the companion listens. */
export function chainsOf(chain: string, { dns, networks, services }: Served, port: number): string {
  const rules = networks.flatMap(({ project, subnet }) => [
    ...['udp', 'tcp'].map((protocol) => rule(subnet, { to: dns, protocol, at: 53 }, port)),
    ...services
      .filter((service) => service.project === project && service.backends.length > 0)
      .flatMap(({ address, ports }) =>
        ports.map((at) => rule(subnet, { to: address, protocol: 'tcp', at }, port)),
      ),
    ...['udp', 'tcp'].map((protocol) => `-s ${subnet} -p ${protocol} ${toPort(REFUSING_PORT)}`),
  ]);
  const entries = networks.map(({ subnet }) => `-s ${subnet} -j ACCEPT`);
  return [...table('nat', chain, rules), ...table('filter', chain, entries), ''].join('\n');
}

function table(name: string, chain: string, rules: string[]): string[] {
  return [`*${name}`, `:${chain} - [0:0]`, ...rules.map((text) => `-A ${chain} ${text}`), 'COMMIT'];
}

function rule(
  subnet: string,
  { to, protocol, at }: { to: string; protocol: string; at: number },
  port: number,
): string {
  return `-s ${subnet} -d ${to} -p ${protocol} --dport ${at} ${toPort(port)}`;
}

const toPort = (port: number): string => `-j DNAT --to-destination :${port}`;

/** The rules that lead to the chains: in which table, at the head of which chain, and their arguments. */
export function jumpsTo(chain: string, range: string): { table: string; from: string; rule: string[] }[] {
  const rule = ['-d', range, '-j', chain];
  return [
    { table: 'nat', from: 'PREROUTING', rule },
    { table: 'filter', from: 'INPUT', rule },
  ];
}
