/**
 * Signing requests (PKCS#10, RFC 2986): a node makes its key itself and shows that it has it; the key never leaves the
 * host. P-256 and ECDSA with SHA-256 only. What the request says of names is not believed: the master names the node.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import {
  bitString,
  derOf,
  distinguishedName,
  type Element,
  ecdsaWithSha256,
  elementsOf,
  integer,
  pemOf,
  sequence,
  tlv,
} from './der.js';
import { OrcaError } from './errors.js';

const LABEL = 'CERTIFICATE REQUEST';
/** A P-256 SubjectPublicKeyInfo with a named curve and an uncompressed point (RFC 5480 2). */
const SPKI_BYTES = 91;

/** A new P-256 key, PKCS#8 in PEM. */
export const makeKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

/** The request in PEM, signed with the key that it is about. */
export function makeSigningRequest(commonName: string, privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey as KeyObject & { type: 'private' }).export({
    type: 'spki',
    format: 'der',
  });
  const info = sequence(
    integer(Buffer.from([0])),
    distinguishedName(commonName),
    spki,
    tlv(0xa0, Buffer.alloc(0)),
  );
  return pemOf(LABEL, sequence(info, ecdsaWithSha256, bitString(sign('sha256', info, privateKey))));
}

/** The public key of a request whose signature is right. Throws CSR_INVALID. */
export function readSigningRequest(pem: string): KeyObject {
  const [info, algorithm, signature] = partsOf(derOf(LABEL, pem));
  if (!algorithm.raw.equals(ecdsaWithSha256)) throw invalid('it must be signed with ECDSA and SHA-256');
  const key = keyOf(elementsOf(info.content)?.[2]?.raw ?? empty);
  const isRight =
    signature.content[0] === 0 && verify('sha256', info.raw, key, signature.content.subarray(1));
  if (!isRight) throw invalid('its signature is not of the key that it is about');
  return key;
}

const empty = Buffer.alloc(0);

/** CertificationRequest ::= SEQUENCE { info SEQUENCE, algorithm, signature BIT STRING }, and nothing after it. */
function partsOf(der: Buffer | null): [Element, Element, Element] {
  const outer = der && elementsOf(der);
  const isOne = outer?.length === 1 && outer[0]?.tag === 0x30;
  const [info, algorithm, signature, ...more] = (isOne && elementsOf(outer[0]?.content ?? empty)) || [];
  if (info?.tag !== 0x30 || !algorithm || signature?.tag !== 0x03 || more.length > 0)
    throw invalid('it is not PKCS#10 in PEM');
  return [info, algorithm, signature];
}

function keyOf(spki: Buffer): KeyObject {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1' && spki.length === SPKI_BYTES) return key;
  } catch (cause) {
    throw invalid('its public key can not be read', cause);
  }
  throw invalid('its key must be P-256');
}

const invalid = (why: string, cause?: unknown): OrcaError =>
  new OrcaError('CSR_INVALID', `the signing request is refused: ${why}`, { cause });
