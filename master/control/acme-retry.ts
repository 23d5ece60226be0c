/**
 * `orca certs retry`: one name is tried now, by hand, where something was mended. It goes on with its count of failures, and never before a
 * CA allows it: that would only cost more of its limits. What there is nothing to try for is refused with the reason.
 */
import { OrcaError } from '../../shared/errors.js';
import type { AcmeSettings } from '../acme/order.js';
import { refusalOf } from '../plan/acme.js';
import { isByDns } from '../plan/dns.js';
import type { Store } from '../store/store.js';
import { eventOf } from './acme-store.js';

export interface RetryOptions {
  store: Store;
  settings(): AcmeSettings | null;
  /** Names that are served, and have no certificate of the user's. */
  wanted(): ReadonlySet<string>;
  /** One of the user's is valid for it. */
  isCovered(name: string): boolean;
  wake(): void;
}

/** What came of it, in a sentence. Throws NOT_FOUND or CONFLICT. */
export function retryNow(options: RetryOptions, asked: string, by: string, nowMs: number): string {
  const { store } = options;
  const name = asked.toLowerCase();
  const settings = options.settings();
  if (settings === null)
    throw conflict(
      'ACME is off, so that nothing is tried',
      'Set [cluster] acme_email in cluster.toml first.',
    );
  refuseUnwanted(options, name, (settings.dns ?? null) !== null);
  const record = store.acmeRecord(name);
  const isOfIt = record?.directory === settings.directory;
  if (!record || !isOfIt || (record.nextAtMs <= nowMs && record.certificate === null))
    return `${name} is tried already; see \`orca certs\``;
  if (record.nextAtMs <= nowMs) {
    const until = at(record.certificate?.notAfterMs ?? 0);
    throw conflict(`${name} waits for nothing: its certificate lasts until ${until}`, 'See `orca certs`.');
  }
  const notBeforeMs = record.notBeforeMs ?? 0;
  if (notBeforeMs > nowMs)
    throw conflict(
      `${name}: the CA allows nothing before ${at(notBeforeMs)}: ${record.problem?.reason ?? ''}`,
      'Orca tries again then, by itself.',
    );
  store.write((tx) => {
    tx.putAcme({ ...record, nextAtMs: nowMs });
    tx.addEvent(eventOf('certificate.retried', `${by} had the certificate of ${name} tried again`));
  });
  options.wake();
  return `${name} is tried now; see \`orca certs\``;
}

/** What failed by DNS-01 is tried now, where its settings have changed. Never before a CA allows it. */
export function retryByDns({ store, settings, wake }: RetryOptions, nowMs: number): void {
  const dns = settings()?.dns ?? null;
  const failed = store
    .acmeRecords()
    .filter(({ name, problem, notBeforeMs = 0 }) => problem && isByDns(name, dns) && notBeforeMs <= nowMs);
  if (failed.length === 0) return;
  store.write((tx) => {
    for (const record of failed) tx.putAcme({ ...record, nextAtMs: Math.min(record.nextAtMs, nowMs) });
  });
  wake();
}

function refuseUnwanted({ wanted, isCovered }: RetryOptions, name: string, hasDns: boolean): void {
  if (isCovered(name))
    throw conflict(`${name} has a certificate of yours`, 'See `orca certs` for which one.');
  if (!wanted().has(name))
    throw new OrcaError('NOT_FOUND', `no certificate is wanted for "${name}"`, {
      hint: 'See `orca certs` for the names that are served.',
    });
  const why = refusalOf(name, hasDns);
  if (why !== null)
    throw conflict(`${name}: ${why}`, 'Bring a certificate of your own with `orca certs add`.');
}

const conflict = (message: string, hint: string): OrcaError => new OrcaError('CONFLICT', message, { hint });

const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
