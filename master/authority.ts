/**
 * The cluster's own CA: made at first start, 10 years, P-256; `ca.pem` (0644) and `ca.key` (0600) in the home. Issues the
 * API's certificate, the nodes' client certificates (common name = node id) and the sites' certificates. Also holds the
 * keys that seal what the store must not show (`keyring`).
 */
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrcaError } from '../shared/errors.js';
import { writeFileAtomic } from '../shared/files.js';
import { certificateFingerprint } from '../shared/join-token.js';
import { type Keyring, openKeyring } from './keyring.js';
import { type CertificateRequest, makeCertificate } from './x509.js';

const DAY_MS = 86_400_000;
/** Clocks differ: a certificate is valid from this long before it was made. */
export const BACKDATE_MS = 3_600_000;
export const SITE_CERTIFICATE_DAYS = 90;
export const NODE_CERTIFICATE_DAYS = 90;

export interface KeyAndCertificate {
  certPem: string;
  keyPem: string;
  notBeforeMs: number;
  notAfterMs: number;
}

export interface Authority {
  caPem: string;
  /** Names the cluster, also in containers' labels: it lives as long as its CA. */
  clusterId: string;
  /** SHA-256 of the CA's certificate, hex: join tokens carry it. */
  caFingerprint: string;
  issueServer(names: string[], nowMs: number, days?: number): KeyAndCertificate;
  issueNode(nodeId: string, nowMs: number): KeyAndCertificate;
  /** A client certificate for a key that the node made itself. */
  signNode(nodeId: string, publicKey: KeyObject, nowMs: number): Omit<KeyAndCertificate, 'keyPem'>;
  /** Until when a site's certificate of this CA lasts, and from when; null: another's, or not with that key. */
  datesOfSite(certPem: string, keyPem: string): { notBeforeMs: number; notAfterMs: number } | null;
  /** `bind`: what it is for (`store/sealed.ts`). */
  seal(plain: string, bind: string): string;
  /** Throws when the text was not sealed with this home's key, or for something else. */
  unseal(sealed: string, bind: string): string;
  keys: Keyring;
}

/** Loads the authority of the home, or makes it; `env` may bring the key that seals. */
export function openAuthority(
  home: string,
  nowMs: number,
  env: Record<string, string | undefined> = {},
): Authority {
  const certFile = join(home, 'ca.pem');
  const keyFile = join(home, 'ca.key');
  if (!existsSync(certFile)) createAuthority(certFile, keyFile, nowMs);
  if (!existsSync(keyFile))
    throw new OrcaError('INTERNAL', `${certFile} is there but its key ${keyFile} is not`, {
      hint: 'Restore ca.key from a backup; a new CA would lock every node out.',
    });
  const caPem = readFileSync(certFile, 'utf8');
  const ca = new X509Certificate(caPem);
  const caFingerprint = certificateFingerprint(ca.raw);
  const issuer = {
    commonName: ca.subject.replace(/^CN=/, ''),
    privateKey: createPrivateKey(readFileSync(keyFile, 'utf8')),
  };
  const keys = openKeyring(home, env);

  const certify = (subject: Subject, publicKey: KeyObject, nowMs: number, days: number) => {
    const notBeforeMs = nowMs - BACKDATE_MS;
    const notAfterMs = nowMs + days * DAY_MS;
    const certPem = makeCertificate({ ...subject, publicKey, notBeforeMs, notAfterMs }, issuer);
    return { certPem, notBeforeMs, notAfterMs };
  };
  const issue = (subject: Subject, nowMs: number, days: number): KeyAndCertificate => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { ...certify(subject, publicKey, nowMs, days), keyPem: pkcs8(privateKey) };
  };
  return {
    caPem,
    clusterId: caFingerprint.slice(0, 12),
    caFingerprint,
    issueServer: (names, nowMs, days = SITE_CERTIFICATE_DAYS) =>
      issue({ usage: 'server', commonName: (names[0] ?? 'orca').slice(0, 64), names }, nowMs, days),
    issueNode: (nodeId, nowMs) => issue(nodeSubject(nodeId), nowMs, NODE_CERTIFICATE_DAYS),
    signNode: (nodeId, publicKey, nowMs) =>
      certify(nodeSubject(nodeId), publicKey, nowMs, NODE_CERTIFICATE_DAYS),
    datesOfSite: (certPem, keyPem) => datesOf(certPem, keyPem, ca),
    seal: keys.seal,
    unseal: keys.unseal,
    keys,
  };
}

function datesOf(
  certPem: string,
  keyPem: string,
  ca: X509Certificate,
): { notBeforeMs: number; notAfterMs: number } | null {
  try {
    const certificate = new X509Certificate(certPem);
    if (!certificate.verify(ca.publicKey) || !certificate.checkPrivateKey(createPrivateKey(keyPem)))
      return null;
    return {
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
    };
  } catch {
    return null;
  }
}

type Subject = Pick<CertificateRequest, 'usage' | 'commonName' | 'names'>;

const nodeSubject = (nodeId: string): Subject => ({ usage: 'client', commonName: nodeId, names: [] });

/** The key is written first: a certificate without its key would never be mended. */
function createAuthority(certFile: string, keyFile: string, nowMs: number): void {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const commonName = `Orca cluster CA ${randomBytes(4).toString('hex')}`;
  const certificate = makeCertificate(
    {
      commonName,
      names: [],
      usage: 'ca',
      publicKey,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + 3_652 * DAY_MS,
    },
    { commonName, privateKey },
  );
  writeFileAtomic(keyFile, pkcs8(privateKey), 0o600);
  writeFileAtomic(certFile, certificate, 0o644);
}

const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
