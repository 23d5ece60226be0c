/**
 * The user's own certificates: those that were uploaded (`orca certs add`), and the files that services name (`tls_cert`, `tls_key`),
 * which are looked at again and again. What is good is in the store, its key sealed, and stays in use until something better is
 * taken up: a bad file changes nothing but what `orca certs` says. Which of several serves a name is `plan/own-certificate`'s.
 *
 * One that has expired is served only where there is nothing but the cluster's own CA beside it (`last`), which nobody outside
 * trusts either; a certificate by ACME goes before it.
 */
import { OrcaError } from '../../shared/errors.js';
import { hashSecret, isSameHash } from '../../shared/secret-hash.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { IngressSettings } from '../plan/assignments.js';
import { chooseOwn, filesId, uploadId } from '../plan/own-certificate.js';
import type { ServiceState } from '../plan/snapshot.js';
import { bindOfRow } from '../store/sealed.js';
import type { Store } from '../store/store.js';
import type { OwnCertificate } from '../store/tables.js';
import { unsealed } from './acme-store.js';
import { refuseElsewhere } from './certificate-files.js';
import type { CertificateSource } from './certificates.js';
import type { Refusal, Usable } from './check-certificate.js';
import { checkServiceFiles, createServiceFiles, hasTls, type ServiceWithTls } from './service-files.js';
import { stapling } from './stapled.js';
import { tellExpiry } from './tell-expiry.js';
import { checkUpload, type Upload } from './upload.js';

type Certificate = IngressSettings['fallbackCertificate'];

/** A stored one without its key. */
export type OwnMeta = Omit<OwnCertificate, 'sealedKey' | 'certPem'>;

export interface OwnCertificates extends CertificateSource {
  /** For names that nothing else has a certificate for: also those that have expired. */
  readonly last: CertificateSource;
  /** Whether ACME has nothing to do for the name: one that is valid now is served for it. */
  covers(name: string): boolean;
  /** Reads what changed of the files that services name; true when other certificates may be to be served than before. */
  look(services: readonly ServiceState[]): boolean;
  /** Checks and keeps an upload, in place of the one of that name. Throws CONFIG_INVALID. */
  add(upload: Upload, by: string): OwnMeta;
  /** Throws NOT_FOUND. */
  remove(name: string, by: string): void;
  /** Why a service could not be served with its files as they are now; null: it could, or has a good one of them already. `isLimited`:
   *  for who may deploy some projects alone, and so may name no files outside of `cert_dir` that the service had not before. */
  problemOf(spec: ServiceSpec, isLimited?: boolean): Refusal | null;
  /** The one that serves the name, or would if it had not expired. */
  of(name: string): OwnMeta | null;
  /** By service, as its files were last read. */
  refusals(): ReadonlyMap<string, Refusal>;
  uploads(): OwnMeta[];
}

export interface OwnCertificatesOptions {
  store: Store;
  authority: { seal(plain: string, bind: string): string; unseal(sealed: string, bind: string): string };
  /** Absolute. */
  certDir: () => string;
  nowMs: () => number;
}

export function createOwnCertificates(options: OwnCertificatesOptions): OwnCertificates {
  const { store, authority, certDir, nowMs } = options;
  const files = createServiceFiles(certDir);
  const kept = createKept(store, authority);
  /** Domain → the files of services that have it. */
  let named = new Map<string, string[]>();
  let mark = '';

  const chosen = (name: string): OwnCertificate | null =>
    chooseOwn(kept.all(), name, named.get(name) ?? [], nowMs());
  const isValid = ({ notAfterMs }: OwnCertificate): boolean => notAfterMs > nowMs();
  const found = (name: string): Certificate | null => {
    const one = chosen(name);
    return one && kept.open(one);
  };
  const covers = (name: string): boolean => {
    const one = chosen(name);
    return one !== null && isValid(one);
  };
  const recordOf = (id: string, { kind: _, keyPem, ...usable }: Usable, by: string): OwnCertificate => ({
    id,
    ...usable,
    sealedKey: authority.seal(keyPem, bindOf(id)),
    by,
    atMs: nowMs(),
  });
  const event = (kind: string, service: string | null, message: string) => ({
    ...{ atMs: nowMs(), kind, service, node: null, rollout: null },
    message,
  });
  const takeFiles = (services: readonly ServiceWithTls[]): void => {
    const { good, refused } = files.look(services, nowMs());
    const fresh = good.filter(({ service, certificate }) => !kept.has(filesId(service.key), certificate));
    const wanted = new Set(services.map(({ key }) => filesId(key)));
    const gone = kept.all().filter(({ id }) => id.startsWith(filesId('')) && !wanted.has(id));
    const telling = tellExpiry(kept.all(), (key) => store.meta(key), nowMs());
    if (fresh.length + refused.length + gone.length + telling.length === 0) return;
    store.write((tx) => {
      for (const { service, certificate } of fresh) {
        const what = `the certificate ${service.spec.tls.cert} ${about(certificate)}`;
        tx.putOwnCertificate(recordOf(filesId(service.key), certificate, service.key));
        tx.addEvent(event('certificate.taken-up', service.key, what));
      }
      for (const { service, refusal } of refused) {
        const stays = kept.isThere(filesId(service.key)) ? '; the one in use stays' : '';
        tx.addEvent(event('certificate.refused', service.key, `${refusal.reason}${stays}`));
      }
      for (const { id } of gone) tx.deleteOwnCertificate(id);
      for (const tell of telling) tell(tx);
    });
    kept.readAgain();
  };
  const hasChanged = (): boolean => {
    const of = kept.all().map((record) => [record.id, record.sealedKey, isValid(record)]);
    const now = JSON.stringify([of, [...named]]);
    const isNew = now !== mark;
    mark = now;
    return isNew;
  };

  return {
    find: (name) => (covers(name) ? found(name) : null),
    last: { find: found },
    covers,
    look(services) {
      const wanted = services.map(({ service }) => service).filter(hasTls);
      named = namedBy(wanted);
      try {
        takeFiles(wanted);
      } catch (error) {
        files.forget();
        throw error;
      }
      return hasChanged();
    },
    add(upload, by) {
      const { name, certificate } = checkUpload(upload, nowMs());
      store.requireRoom();
      const record = recordOf(uploadId(name), certificate, by);
      store.write((tx) => {
        tx.putOwnCertificate(record);
        const what = `${by} added the certificate ${name}, which ${about(certificate)}`;
        tx.addEvent(event('certificate.added', null, what));
      });
      kept.readAgain();
      return metaOf(record);
    },
    remove(name, by) {
      const id = uploadId(name.toLowerCase());
      if (!store.ownCertificate(id))
        throw new OrcaError('NOT_FOUND', `no certificate was added as "${name}"`, {
          hint: 'See `orca certs` for those there are; that of files goes when its service no longer names them.',
        });
      store.write((tx) => {
        tx.deleteOwnCertificate(id);
        tx.addEvent(event('certificate.removed', null, `${by} removed the certificate ${name}`));
      });
      kept.readAgain();
    },
    problemOf({ project, name, tls, domains }, isLimited = false) {
      if (tls === null) return null;
      const key = `${project}/${name}`;
      const before = store.service(key)?.spec.tls;
      const isSame = before?.cert === tls.cert && before.key === tls.key;
      const elsewhere = isLimited && !isSame ? refuseElsewhere(tls, certDir()) : null;
      if (elsewhere) return elsewhere;
      const checked = checkServiceFiles({ tls, domains }, certDir(), nowMs());
      if (checked.kind === 'usable') return null;
      // A change of something else is not kept back by files that have become bad since.
      return isSame && kept.isThere(filesId(key)) ? null : checked;
    },
    of: (name) => {
      const one = chosen(name);
      return one && metaOf(one);
    },
    refusals: files.refusals,
    uploads: () =>
      kept
        .all()
        .filter(({ id }) => id.startsWith(uploadId('')))
        .map(metaOf),
  };
}

/** What is in the store and can be opened, read again when this master, the only writer, has written. */
function createKept(store: Store, authority: OwnCertificatesOptions['authority']) {
  const opened = new Map<string, { sealedKey: string; certificate: Certificate | null }>();
  let records: OwnCertificate[] = [];
  /** The same until it changes. Null: its key was sealed in another home. */
  const open = ({ id, names, certPem, sealedKey }: OwnCertificate): Certificate | null => {
    const known = opened.get(id);
    if (known?.sealedKey === sealedKey) return known.certificate;
    const keyPem = unsealed(authority, sealedKey, bindOf(id));
    const certificate = keyPem === null ? null : { names, certPem, keyPem, ...stapling(certPem) };
    opened.set(id, { sealedKey, certificate });
    return certificate;
  };
  const readAgain = (): void => {
    records = store.ownCertificates().filter((record) => open(record) !== null);
    for (const id of opened.keys()) if (!records.some((record) => record.id === id)) opened.delete(id);
  };
  readAgain();
  return {
    open,
    readAgain,
    all: (): readonly OwnCertificate[] => records,
    isThere: (id: string): boolean => records.some((record) => record.id === id),
    has(id: string, { certPem, keyPem }: Usable): boolean {
      const before = records.find((record) => record.id === id);
      const own = before && open(before);
      return own?.certPem === certPem && isSameHash(hashSecret(own.keyPem), hashSecret(keyPem));
    },
  };
}

function namedBy(services: readonly ServiceWithTls[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const { key, spec } of services)
    for (const domain of spec.domains) named.set(domain, [...(named.get(domain) ?? []), filesId(key)]);
  return named;
}

const about = ({ names, issuer, notAfterMs }: Usable): string =>
  `is for ${names.join(', ')}, of ${issuer}, and lasts until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;

/** What the key of one is sealed for. */
const bindOf = (id: string): string => bindOfRow('ownCertificates', id, 'sealedKey');

const metaOf = ({ sealedKey: _, certPem: __, ...meta }: OwnCertificate): OwnMeta => meta;
