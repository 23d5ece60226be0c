/** Addresses and ranges of them, IPv4 and IPv6, as `10.0.0.0/8`, `2001:db8::/32` or one address. Names are never asked of anybody. */
import { isIP } from 'node:net';

/** Why the text is none; null: it is one. */
export function addressRangeProblem(text: string): string | null {
  const [address = '', bits, ...more] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  const shown = JSON.stringify(text);
  if (version === 0 || more.length > 0)
    return `must be an IP address or a range of them, such as "10.0.0.0/8" or "2001:db8::1"; it is ${shown}`;
  if (bits === undefined) return null;
  const most = version === 4 ? 32 : 128;
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > most)
    return `must have a prefix from 0 to ${most} behind its "/"; it is ${shown}`;
  return null;
}
