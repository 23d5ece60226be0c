/** IPv4 addresses and ranges as numbers. PURE. Text that is neither is null, never guessed at. */

/** `base` is the first address; `prefix` how many leading bits all of them share. */
export interface Range {
  base: number;
  prefix: number;
}

/** `10.1.2.3` → its 32 bits. */
export function readAddress(text: string): number | null {
  const octets = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? text.split('.').map(Number) : [];
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) return null;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** `10.1.0.0/16`, or an address alone, which is a range of one. Null too when bits are set behind the prefix. */
export function readRange(text: string): Range | null {
  const [address = '', bits = '32', ...more] = text.split('/');
  const base = readAddress(address);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 33;
  if (base === null || prefix > 32 || more.length > 0) return null;
  return base % sizeOf({ base, prefix }) === 0 ? { base, prefix } : null;
}

/** How many addresses it has. */
export function sizeOf({ prefix }: Range): number {
  return 2 ** (32 - prefix);
}

export function contains(range: Range, address: number): boolean {
  return address >= range.base && address < range.base + sizeOf(range);
}

/** They have an address in common. */
export function overlap(a: Range, b: Range): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
