import { spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeKey, makeSigningRequest, readSigningRequest } from '../../../shared/csr.js';
import { derOf, pemOf } from '../../../shared/der.js';

const LABEL = 'CERTIFICATE REQUEST';
const openssl = (args: string[], input: string) => spawnSync('openssl', args, { input, encoding: 'utf8' });
const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('hex');

t.test('a request is PKCS#10 to OpenSSL, and is read back to its key', async (t) => {
  const key = createPrivateKey(makeKey());
  const pem = makeSigningRequest('worker-1', key);
  const { stdout } = openssl(['req', '-noout', '-verify', '-subject', '-pubkey'], pem);
  t.match(stdout, /CN ?= ?worker-1/);
  t.equal(spki(readSigningRequest(pem)), spki(createPublicKey(stdout.replace(/^subject.*$/m, ''))));
  t.not(openssl(['req', '-noout', '-verify'], pem.replace(/A(?=[^-]*-----END)/, 'B')).status, 0);
});

t.test('a request that OpenSSL made is read', async (t) => {
  const keyFile = join(t.testdir(), 'key.pem');
  const made = openssl(
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      keyFile,
    ].concat('-sha256', '-subj', '/CN=x/O=y', '-addext', 'subjectAltName=DNS:x'),
    '',
  );
  const key = createPublicKey(readFileSync(keyFile, 'utf8'));
  t.equal(spki(readSigningRequest(made.stdout)), spki(key));
});

t.test('a changed, cut or foreign request is refused, whatever byte it is', async (t) => {
  const key = createPrivateKey(makeKey());
  const der = derOf(LABEL, makeSigningRequest('n', key)) ?? Buffer.alloc(0);
  t.equal(spki(readSigningRequest(pemOf(LABEL, der))).length, 182);
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    if (throws(pemOf(LABEL, changed)) !== 'CSR_INVALID') t.fail(`byte ${at} changed`);
    if (throws(pemOf(LABEL, der.subarray(0, at))) !== 'CSR_INVALID') t.fail(`cut at ${at}`);
  }
  for (const text of ['', 'x', pemOf('CERTIFICATE', der), pemOf(LABEL, Buffer.concat([der, der]))])
    t.equal(throws(text), 'CSR_INVALID');
});

t.test('other curves and other kinds of keys are refused', async (t) => {
  for (const { privateKey } of [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ])
    t.throws(() => readSigningRequest(makeSigningRequest('n', privateKey)), {
      code: 'CSR_INVALID',
      message: /P-256/,
    });
});

function throws(pem: string): string | null {
  try {
    readSigningRequest(pem);
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? 'no code';
  }
}
