/** Certificates for tests, of CAs that live as long as the test: what a user would have from elsewhere. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Issuer, makeCertificate } from '../../master/x509.js';

const DAY_MS = 86_400_000;

export interface TestCa extends Issuer {
  certPem: string;
}

export interface Made {
  cert: string;
  key: string;
}

export function aCa(commonName = 'Somebody CA', at: { fromMs?: number; untilMs?: number } = {}): TestCa {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certPem = makeCertificate(
    { commonName, names: [], usage: 'ca', publicKey, ...dates(at, 3_650) },
    { commonName, privateKey },
  );
  return { commonName, privateKey, certPem };
}

/** A CA that another one has signed. */
export function anIntermediate(of: Issuer, commonName: string, at: { untilMs?: number } = {}): TestCa {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certPem = makeCertificate({ commonName, names: [], usage: 'ca', publicKey, ...dates(at, 365) }, of);
  return { commonName, privateKey, certPem };
}

/** Without a CA it is signed by itself. */
export function aCertificate(
  names: string[],
  more: { ca?: Issuer; fromMs?: number; untilMs?: number; usage?: 'server' | 'client'; key?: KeyObject } = {},
): Made {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKey = more.key ?? pair.privateKey;
  const commonName = names[0] ?? 'nobody';
  const publicKey = more.key ? publicOf(more.key) : pair.publicKey;
  const cert = makeCertificate(
    { commonName, names, usage: more.usage ?? 'server', publicKey, ...dates(more, 60) },
    more.ca ?? { commonName, privateKey },
  );
  return { cert, key: pemOfKey(privateKey) };
}

export const pemOfKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

export const encrypted = (keyPem: string): string =>
  createPrivateKey(keyPem)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'a word' })
    .toString();

const publicOf = (key: KeyObject): KeyObject => createPublicKey(key);

const dates = ({ fromMs, untilMs }: { fromMs?: number; untilMs?: number }, days: number) => ({
  notBeforeMs: fromMs ?? Date.now() - DAY_MS,
  notAfterMs: untilMs ?? Date.now() + days * DAY_MS,
});
