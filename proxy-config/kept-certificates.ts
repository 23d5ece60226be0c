/** The certificates that the resolver's process serves, kept in a file (0600) so that its successor shows them at once. */
import { fingerprint } from '../shared/fingerprint.js';
import { readJsonFile } from './json-file.js';
import { keptFile } from './kept-file.js';
import { type CertificateTable, certificateChooser } from './tls.js';

export interface KeptCertificates {
  keep(table: CertificateTable): void;
  /** Chain and key for the name, PEM; null: no table was ever given. */
  find(name: string): string | null;
  /** Of the table; null: none. */
  fingerprint(): string | null;
  /** Why the newest table is not on disk; null: it is. */
  problem(): string | null;
  stop(): void;
}

/** Begins with what the file holds; a file that is missing or damaged is as none. */
export function keptCertificates(file: string, againMs: number): KeptCertificates {
  const stored = keptFile<CertificateTable>(file, againMs);
  let known = openedOf(tableOf(readJsonFile(file)));
  return {
    keep(table) {
      known = openedOf(table);
      stored.keep(table);
    },
    find: (name) => known?.choose(name) ?? null,
    fingerprint: () => known?.print ?? null,
    problem: stored.problem,
    stop: stored.stop,
  };
}

const openedOf = (table: CertificateTable | null) =>
  table === null ? null : { choose: certificateChooser(table), print: fingerprint(table) };

function tableOf(value: unknown): CertificateTable | null {
  const { certificates, fallback } = (value ?? {}) as Partial<CertificateTable>;
  return Array.isArray(certificates) && typeof fallback === 'string' ? { certificates, fallback } : null;
}
