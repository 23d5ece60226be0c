/**
 * DER (X.690), as much as certificates and signing requests for P-256 keys need: writing, and reading that believes nothing
 * of what it is given. PURE.
 */

/** `ecdsa-with-SHA256` as an AlgorithmIdentifier (RFC 5758 3.2). */
export const ecdsaWithSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

export const sequence = (...parts: Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts));
export const integer = (bytes: Buffer): Buffer => tlv(0x02, bytes);
export const bitString = (bytes: Buffer): Buffer => tlv(0x03, Buffer.concat([Buffer.from([0]), bytes]));

export const distinguishedName = (commonName: string): Buffer =>
  sequence(tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(commonName, 'utf8')))));

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Tag, length and value. */
export function tlv(tag: number, content: Buffer): Buffer {
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export interface Element {
  tag: number;
  content: Buffer;
  /** With tag and length. */
  raw: Buffer;
}

/** What lies one after the other in `bytes`; null when it does not end exactly where they do. */
export function elementsOf(bytes: Buffer): Element[] | null {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = elementAt(bytes, at);
    if (!next) return null;
    found.push(next);
    at += next.raw.length;
  }
  return found;
}

function elementAt(bytes: Buffer, at: number): Element | null {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return null;
  const digits = first < 0x80 ? 0 : first & 0x7f;
  const isTooLong = digits > 2 || first === 0x80;
  if (isTooLong || at + 2 + digits > bytes.length) return null;
  const length = digits === 0 ? first : bytes.readUIntBE(at + 2, digits);
  const from = at + 2 + digits;
  if (from + length > bytes.length) return null;
  return { tag, content: bytes.subarray(from, from + length), raw: bytes.subarray(at, from + length) };
}

/** The text of a PEM block with 64 characters a line (RFC 7468). */
export function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The bytes of the one block of that label, or null. */
export function derOf(label: string, pem: string): Buffer | null {
  const shape = new RegExp(`^\\s*-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----\\s*$`);
  const text = shape.exec(pem)?.[1];
  return text === undefined ? null : Buffer.from(text, 'base64');
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}
