/** A stable hash of plain data: equal data (whatever the order of keys) gives an equal fingerprint. */
import { createHash } from 'node:crypto';

/** SHA-256 in hex over the canonical JSON of `value` (keys sorted, `undefined` dropped). */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const from = value as Record<string, unknown>;
  let json = '';
  for (const key of Object.keys(from).sort()) {
    const of = from[key];
    if (of !== undefined) json += `${json === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(of)}`;
  }
  return `{${json}}`;
}
