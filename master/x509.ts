/**
 * Writes X.509 certificates (RFC 5280, DER) for P-256 keys signed with ECDSA and SHA-256: just what the cluster's own
 * CA needs, in milliseconds and without a library in memory. Reading certificates is `node:crypto`'s X509Certificate.
 */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  distinguishedName,
  ecdsaWithSha256,
  integer,
  oid,
  pemOf,
  sequence,
  tlv,
} from '../shared/der.js';

export interface CertificateRequest {
  commonName: string;
  /** DNS names (wildcards too) and IP addresses. */
  names: string[];
  usage: 'ca' | 'server' | 'client';
  publicKey: KeyObject;
  notBeforeMs: number;
  notAfterMs: number;
}

export interface Issuer {
  commonName: string;
  privateKey: KeyObject;
}

/** The certificate in PEM, signed by the issuer. */
export function makeCertificate(request: CertificateRequest, issuer: Issuer): string {
  const tbs = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(positiveSerial()),
    ecdsaWithSha256,
    distinguishedName(issuer.commonName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    distinguishedName(request.commonName),
    spkiOf(request.publicKey),
    tlv(0xa3, sequence(...extensions(request, issuer))),
  );
  const signature = sign('sha256', tbs, issuer.privateKey);
  return pemOf('CERTIFICATE', sequence(tbs, ecdsaWithSha256, bitString(signature)));
}

function extensions(request: CertificateRequest, issuer: Issuer): Buffer[] {
  const isCa = request.usage === 'ca';
  const purpose = request.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2';
  return [
    // basicConstraints: cA, pathLenConstraint 0
    extension(
      '2.5.29.19',
      true,
      isCa ? sequence(tlv(0x01, Buffer.from([0xff])), integer(Buffer.from([0]))) : sequence(),
    ),
    // keyUsage: keyCertSign + cRLSign, or digitalSignature
    extension('2.5.29.15', true, tlv(0x03, isCa ? Buffer.from([1, 0x06]) : Buffer.from([7, 0x80]))),
    ...(isCa ? [] : [extension('2.5.29.37', false, sequence(oid(purpose)))]),
    extension('2.5.29.14', false, tlv(0x04, keyId(request.publicKey))),
    extension('2.5.29.35', false, sequence(tlv(0x80, keyId(createPublicKey(issuer.privateKey))))),
    ...(request.names.length === 0
      ? []
      : [extension('2.5.29.17', false, sequence(...request.names.map(generalName)))]),
  ];
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));

const generalName = (name: string): Buffer =>
  isIP(name) === 0 ? tlv(0x82, Buffer.from(name, 'ascii')) : tlv(0x87, addressBytes(name));

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const missing = Math.max(0, 8 - groups(head).length - groups(tail).length);
  const all = [...groups(head), ...Array<string>(missing).fill('0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return digits < '2050'
    ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tlv(0x18, Buffer.from(`${digits}Z`));
}

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** SHA-1 of the key's bits (RFC 5280 4.2.1.2); in a P-256 SPKI they are the last 65 bytes. */
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(spkiOf(key).subarray(-65)).digest();

function positiveSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}
