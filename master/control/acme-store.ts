/** What ACME keeps in the store beside its records (accounts, the times of its orders), and small facts of certificates. */
import { generateKeyPairSync, type X509Certificate } from 'node:crypto';
import { isForgotten } from '../plan/acme.js';
import { bindOfRow } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import type { AcmeRecord } from '../store/tables.js';

export const ORDERS = 'acme-orders';

/** A name that is gone leaves renewal, and is forgotten when nothing of it can matter any more. */
export function dropGone(store: Store, wanted: ReadonlySet<string>, nowMs: number): void {
  const gone = store.acmeRecords().filter((one) => !wanted.has(one.name) && isForgotten(one, nowMs));
  if (gone.length === 0) return;
  store.write((tx) => {
    for (const { name } of gone) tx.deleteAcme(name);
  });
}

/** What the key of a name's certificate, and that of its order, are sealed for. */
export const bindOfAcme = (name: string, part: 'certificate' | 'order'): string =>
  bindOfRow('acme', name, part, 'sealedKey');

/** And the account's. */
export const bindOfAccount = (settings: { directory: string; email: string }): string =>
  bindOfRow('meta', accountKey(settings), 'sealedKey');

/** Null: it was sealed in another home, or is damaged. */
export function unsealed(
  authority: { unseal(sealed: string, bind: string): string },
  sealed: string,
  bind: string,
): string | null {
  try {
    return authority.unseal(sealed, bind);
  } catch {
    return null;
  }
}

export const ordersOf = (store: Store): number[] => (store.meta(ORDERS) as number[] | undefined) ?? [];

export const accountKey = ({ directory, email }: { directory: string; email: string }): string =>
  `acme-account|${directory}|${email}`;

export interface Account {
  sealedKey: string;
  url: string | null;
}

interface Sealing {
  seal(plain: string, bind: string): string;
  unseal(sealed: string, bind: string): string;
}

/** The account of these settings, made where there is none that can be opened. */
export function accountOf(
  store: Store,
  authority: Sealing,
  settings: { directory: string; email: string },
): Account {
  const key = accountKey(settings);
  const stored = store.meta(key) as Account | undefined;
  const bind = bindOfAccount(settings);
  if (stored && unsealed(authority, stored.sealedKey, bind) !== null) return stored;
  const made: Account = { sealedKey: authority.seal(newKey(), bind), url: null };
  store.write((tx) => tx.putMeta(key, made));
  return made;
}

/** What can't be opened is ordered anew, by the clock that the name has. */
export function usable(
  authority: Pick<Sealing, 'unseal'>,
  record: AcmeRecord | undefined,
): AcmeRecord | undefined {
  return record?.certificate &&
    unsealed(authority, record.certificate.sealedKey, bindOfAcme(record.name, 'certificate')) === null
    ? { ...record, certificate: null }
    : record;
}

/** P-256, PKCS #8 PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** `Let's Encrypt R11` of its name's organization and common name. */
export function issuerOf({ issuer }: X509Certificate): string {
  const part = (key: string) =>
    issuer
      .split('\n')
      .find((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1);
  return [part('O'), part('CN')].filter((text) => text !== undefined).join(' ') || 'unknown';
}

export const eventOf = (kind: string, message: string) => ({
  atMs: Date.now(),
  kind,
  service: null,
  node: null,
  rollout: null,
  message,
});

/** Whether all that are to answer do so, and with what was last assigned: else a look would only cost the name a wait. */
export function isServed(store: Store): boolean {
  const live = store.nodes().filter((node) => node.ingress && node.connectedAtMs !== null);
  return (
    live.length > 0 &&
    live.every(
      ({ reported, revision, ingressObserved }) =>
        reported && ingressObserved?.caddy === 'running' && ingressObserved.revision >= revision,
    )
  );
}

/**
 * Says once of each certificate that has expired that it has: others serve its name from then on, so `onExpired` is to send them. Answers when
 * the next one ends, ms; null: none does.
 */
export function followExpiry(store: Store, onExpired: () => void, nowMs: number): number | null {
  const held = store.acmeRecords().flatMap((record) => {
    const { certificate } = record;
    return certificate === null ? [] : [{ record, endsAtMs: certificate.notAfterMs }];
  });
  const over = held.filter(({ record, endsAtMs }) => endsAtMs <= nowMs && record.expiryTold !== endsAtMs);
  if (over.length > 0) {
    store.write((tx) => {
      for (const { record, endsAtMs } of over) {
        tx.putAcme({ ...record, expiryTold: endsAtMs });
        const why = record.problem === null ? '' : `; it could not be renewed: ${record.problem.reason}`;
        const message = `the certificate of ${record.name} expired, and one of the cluster's own CA is served, which browsers don't trust${why}`;
        tx.addEvent(eventOf('certificate.expired', message));
      }
    });
    onExpired();
  }
  const coming = held.map(({ endsAtMs }) => endsAtMs).filter((atMs) => atMs > nowMs);
  return coming.length === 0 ? null : Math.min(...coming);
}

/** What a failed try means for the name. */
export function failureWords({ name, certificate }: AcmeRecord, reason: string, nowMs: number): string {
  if (certificate === null || certificate.notAfterMs <= nowMs)
    return `${name} gets no certificate: ${reason}`;
  const until = new Date(certificate.notAfterMs).toISOString();
  return `the certificate of ${name} was not renewed, and lasts until ${until}: ${reason}`;
}
