/** Who this cluster is at image registries: few, and so in one record of the store. */
import type { Reader } from './reader.js';
import { bindOfRow } from './sealed.js';
import type { Transaction } from './transaction.js';

export interface RegistryRecord {
  /** As references name it: `docker.io`, `registry.example.com:5000`. */
  host: string;
  username: string;
  /** Null: `command` gives it. */
  sealedPassword: string | null;
  /** A program on the master's host and its arguments. Absent: there is a password. */
  command?: string[];
  setAtMs: number;
  by: string;
}

const REGISTRIES = 'registries';
/** What the password at a host is sealed for. */
export const bindOfPassword = (host: string): string => bindOfRow('meta', REGISTRIES, host, 'sealedPassword');

type Kept = Readonly<Record<string, RegistryRecord>>;

/** In the order of their hosts. */
export const registriesIn = (store: Pick<Reader, 'meta'>): RegistryRecord[] =>
  Object.values(keptIn(store)).sort((a, b) => (a.host < b.host ? -1 : 1));

export function registryIn(store: Pick<Reader, 'meta'>, host: string): RegistryRecord | null {
  const kept = keptIn(store);
  return Object.hasOwn(kept, host) ? (kept[host] ?? null) : null;
}

export function putRegistry(tx: Transaction, record: RegistryRecord): void {
  tx.putMeta(REGISTRIES, { ...keptIn(tx), [record.host]: record });
}

export function deleteRegistry(tx: Transaction, host: string): void {
  const { [host]: _, ...others } = keptIn(tx);
  tx.putMeta(REGISTRIES, others);
}

const keptIn = (store: Pick<Reader, 'meta'>): Kept => (store.meta(REGISTRIES) as Kept | undefined) ?? {};
