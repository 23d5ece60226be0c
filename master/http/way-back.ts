/**
 * Whether this master reaches a host that is about to join: one connection to the port that the host has opened, which
 * must say the nonce. The answer is yes or no, so that it says of a port that says anything else, or nothing, no more than
 * of one that is closed. Refuses addresses by which no other host is reached, and bounds how many it tries at once.
 */
import { BlockList, connect, isIP } from 'node:net';
import { OrcaError } from '../../shared/errors.js';

export interface WayBack {
  address: string;
  port: number;
  nonce: string;
}

const TRY_MS = 3_000;
const MAX_AT_ONCE = 24;

/** `from` is where the question came from. Rejects with BODY_INVALID and TOO_MANY_REQUESTS. */
export function createWayBack(): (to: WayBack, from: string) => Promise<boolean> {
  let trying = 0;
  return async (to, from) => {
    if (!mayTry(to.address, from))
      throw new OrcaError(
        'BODY_INVALID',
        `${to.address} is not an address at which a master reaches another host`,
        {
          hint: 'Name the address by which other nodes reach this host with --advertise.',
        },
      );
    if (trying >= MAX_AT_ONCE)
      throw new OrcaError('TOO_MANY_REQUESTS', `${MAX_AT_ONCE} hosts are joining this master at this moment`);
    trying += 1;
    try {
      return await says(to);
    } finally {
      trying -= 1;
    }
  };
}

/** An address of this host itself only for who asks from it; never a link-local one, where clouds have their metadata. */
export function mayTry(address: string, from: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  if (special().check(address, kind)) return false;
  return !loopback().check(address, kind) || loopback().check(from, isIP(from) === 6 ? 'ipv6' : 'ipv4');
}

function special(): BlockList {
  const list = new BlockList();
  list.addSubnet('0.0.0.0', 8, 'ipv4');
  list.addSubnet('169.254.0.0', 16, 'ipv4');
  list.addSubnet('224.0.0.0', 3, 'ipv4');
  list.addAddress('::', 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  list.addSubnet('ff00::', 8, 'ipv6');
  return list;
}

function loopback(): BlockList {
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8, 'ipv4');
  list.addAddress('::1', 'ipv6');
  return list;
}

function says({ address, port, nonce }: WayBack): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({ host: address, port });
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard === nonce);
    };
    const timer = setTimeout(end, TRY_MS);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      heard += text;
      if (heard.length >= nonce.length) end();
    });
    socket.once('error', end).once('end', end);
  });
}
