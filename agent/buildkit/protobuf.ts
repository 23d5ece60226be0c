/**
 * As much of protobuf's wire format as BuildKit's messages need (protobuf.dev/programming-guides/encoding): texts, bytes, maps of texts and whole numbers.
 * Fields that nobody asked for are passed over. PURE; what is cut short throws.
 */

export interface Field {
  number: number;
  /** Of a varint; 0 of all else. */
  value: number;
  /** Of what has a length; empty of all else. */
  bytes: Buffer;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const NONE = Buffer.alloc(0);

export function readFields(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at];
      if (byte === undefined) throw new Error('a message is cut short');
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number has no end');
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new Error('a message is cut short');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const kind = key % 8;
    if (kind === VARINT) fields.push({ number, value: varint(), bytes: NONE });
    else if (kind === LENGTH) fields.push({ number, value: 0, bytes: take(varint()) });
    else if (kind === FIXED64) take(8);
    else if (kind === FIXED32) take(4);
    else throw new Error(`there is no field of kind ${kind}`);
  }
  return fields;
}

/** The last field of that number, as a text; empty: it is not there. */
export const textOf = (fields: readonly Field[], number: number): string =>
  fields.findLast((field) => field.number === number)?.bytes.toString('utf8') ?? '';

export const has = (fields: readonly Field[], number: number): boolean =>
  fields.some((field) => field.number === number);

export function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varintOf(number * 8 + LENGTH), varintOf(bytes.length), bytes]);
}

export const textField = (number: number, text: string): Buffer =>
  text === '' ? NONE : bytesField(number, Buffer.from(text, 'utf8'));

export const numberField = (number: number, value: number): Buffer =>
  Buffer.concat([varintOf(number * 8 + VARINT), varintOf(value)]);

/** A map is a message of key and value for each of its entries. */
export const mapField = (number: number, map: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(map).map(([key, value]) =>
      bytesField(number, Buffer.concat([textField(1, key), textField(2, value)])),
    ),
  );

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
