/**
 * Decides whether a certificate and key of the user's can be served: text in, what is usable or a reason in words out. Depends on
 * nothing but its arguments. What passes is what Caddy can load, since one certificate that it can't would keep it from loading all
 * others: RSA from 2048 bits, P-256, P-384, P-521 and Ed25519 keys, rewritten as PKCS#8, the leaf first and its chain in order.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { messageOf } from '../../shared/errors.js';
import { isEncrypted, pemBlocks } from './pem.js';

export interface CertificateText {
  cert: string;
  key: string;
  /** How sentences call the two, such as their paths. */
  certName: string;
  keyName: string;
}

export interface Usable {
  kind: 'usable';
  /** Lower case, as `subjectAltName` has them. */
  names: string[];
  issuer: string;
  notBeforeMs: number;
  notAfterMs: number;
  certPem: string;
  keyPem: string;
}

export interface Refusal {
  kind: 'refused';
  reason: string;
  /** What its owner can do. */
  todo: string;
}

export const refusal = (reason: string, todo: string): Refusal => ({ kind: 'refused', reason, todo });

export function checkCertificate(text: CertificateText, nowMs: number): Usable | Refusal {
  const key = readKey(text);
  if ('kind' in key) return key;
  const certificates = readCertificates(text);
  if (!Array.isArray(certificates)) return certificates;
  const leaf = certificates.find((one) => one.checkPrivateKey(key.object));
  if (!leaf)
    return refusal(
      `the key ${text.keyName} is not of the certificate ${text.certName} (${nameOf(certificates[0]?.subject)})`,
      'put the certificate and the key that were made together into place',
    );
  const problem = leafProblem(leaf, text.certName, nowMs);
  if (problem) return problem;
  const chain = chainOf(leaf, certificates, text.certName, nowMs);
  if (!Array.isArray(chain)) return chain;
  return {
    kind: 'usable',
    names: namesOf(leaf),
    issuer: nameOf(leaf.issuer),
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    certPem: chain.map(String).join(''),
    keyPem: key.object.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/* ---- the key ----------------------------------------------------------------------------------------------------- */

function readKey({ key, keyName }: CertificateText): { object: KeyObject } | Refusal {
  const found = pemBlocks(key).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [block] = found;
  if (!block)
    return refusal(
      `the file ${keyName} holds no private key in PEM`,
      'put the key there, as PEM and not encrypted',
    );
  if (found.length > 1)
    return refusal(
      `the file ${keyName} holds ${found.length} private keys`,
      'leave the one of the certificate',
    );
  if (isEncrypted(block))
    return refusal(
      `the key ${keyName} is encrypted, and nobody could type its password when the master starts`,
      'put it there decrypted: `openssl pkey -in ENCRYPTED -out KEY`, readable by its owner only',
    );
  try {
    const object = createPrivateKey(block.text);
    const problem = keyProblem(object);
    return problem === null ? { object } : refusal(`the key ${keyName} ${problem}`, OTHER_KEY);
  } catch {
    return refusal(`the key ${keyName} is damaged`, 'put it there again, whole and unchanged');
  }
}

const OTHER_KEY = 'get a certificate for an RSA key of 2048 bits or more, or for a P-256 key';
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

function keyProblem({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'rsa')
    return modulusLength >= 2_048 ? null : `is too weak: RSA of ${modulusLength} bits`;
  if (asymmetricKeyType === 'ec') return CURVES.includes(namedCurve) ? null : `is of the curve ${namedCurve}`;
  return asymmetricKeyType === 'ed25519' ? null : `is of a kind that can't be served (${asymmetricKeyType})`;
}

/* ---- the certificate --------------------------------------------------------------------------------------------- */

function readCertificates({ cert, certName }: CertificateText): X509Certificate[] | Refusal {
  const blocks = pemBlocks(cert);
  const found = blocks.filter(({ label }) => /^(X509 |TRUSTED )?CERTIFICATE$/.test(label));
  if (found.length === 0) {
    const others = [...new Set(blocks.map(({ label }) => label.toLowerCase()))].join(', ');
    const instead = others === '' ? '' : `, but: ${others}`;
    return refusal(
      `the file ${certName} holds no certificate in PEM${instead}`,
      'put the certificate there with its chain, as PEM (`openssl x509 -inform der -in DER -out PEM`)',
    );
  }
  try {
    const read = found.map(({ text }) => new X509Certificate(text));
    return [...new Map(read.map((one) => [one.fingerprint256, one])).values()];
  } catch (error) {
    return refusal(
      `a certificate of the file ${certName} is damaged: ${messageOf(error)}`,
      'put it there again, whole and unchanged',
    );
  }
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USE = '2.5.29.37.0';

function leafProblem(leaf: X509Certificate, certName: string, nowMs: number): Refusal | null {
  const what = `the certificate ${certName}`;
  if (Date.parse(leaf.validTo) <= nowMs)
    return refusal(`${what} expired on ${dateOf(leaf.validTo)}`, 'put a new one there, with its key');
  if (Date.parse(leaf.validFrom) > nowMs)
    return refusal(
      `${what} is not valid before ${dateOf(leaf.validFrom)}`,
      'check the clock of this host; files are taken up by themselves when their time has come, an upload is to be sent again then',
    );
  if (namesOf(leaf).length === 0)
    return refusal(
      `${what} is for no host name (subjectAltName has none)`,
      'get one that names its domains there',
    );
  // Absent: for every use.
  const uses = (leaf.keyUsage as string[] | undefined) ?? [ANY_USE];
  return uses.includes(SERVER_AUTH) || uses.includes(ANY_USE)
    ? null
    : refusal(`${what} is not for servers (extendedKeyUsage)`, 'get one for TLS servers');
}

/** The leaf, its issuer, and so on, as far as they are there. Others are left out. */
function chainOf(
  leaf: X509Certificate,
  all: readonly X509Certificate[],
  certName: string,
  nowMs: number,
): X509Certificate[] | Refusal {
  const chain = [leaf];
  for (let last = leaf; !isIssuedBy(last, last); ) {
    const issuers = all.filter((one) => !chain.includes(one) && isIssuedBy(last, one));
    const valid = issuers.find((one) => Date.parse(one.validTo) > nowMs);
    if (!valid && issuers[0])
      return refusal(
        `the certificate ${certName} has a chain of which ${nameOf(issuers[0].subject)} expired on ${dateOf(issuers[0].validTo)}`,
        "put the issuer's newer chain behind the certificate",
      );
    if (!valid) break;
    chain.push(valid);
    last = valid;
  }
  if (chain.length > 1 || all.length === 1 || isIssuedBy(leaf, leaf)) return chain;
  return refusal(
    `the chain of the certificate ${certName} is broken: it is of ${nameOf(leaf.issuer)}, and none behind it is that`,
    "put the issuer's certificate behind the certificate",
  );
}

function isIssuedBy(one: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return one.checkIssued(issuer) && one.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

/** Values that could be mistaken stand in quotes, and are none of ours. */
const ALT_NAME = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;
const HOST = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

function namesOf({ subjectAltName }: X509Certificate): string[] {
  const found = [...(subjectAltName ?? '').matchAll(ALT_NAME)].flatMap(([, kind, value = '']) =>
    kind === 'DNS' ? [value.toLowerCase()] : [],
  );
  return [...new Set(found)].filter((name) => HOST.test(name));
}

/** Who a distinguished name is, in one line. */
function nameOf(distinguished: string | undefined): string {
  const part = (key: string): string | undefined =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(distinguished ?? '')?.[1];
  const [organisation, name] = [part('O'), part('CN')];
  if (organisation && name && !name.includes(organisation)) return `${organisation} ${name}`;
  return name ?? organisation ?? (distinguished || 'somebody unnamed').replaceAll('\n', ', ');
}

const dateOf = (text: string): string => new Date(Date.parse(text)).toISOString().slice(0, 10);
