import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { checkCertificate } from '../../../../master/control/check-certificate.js';
import {
  aCa,
  aCertificate,
  anIntermediate,
  encrypted,
  type Made,
  pemOfKey,
} from '../../../support/a-certificate.js';

const DAY_MS = 86_400_000;
const check = ({ cert, key }: Made, nowMs = Date.now()) =>
  checkCertificate({ cert, key, certName: '/certs/a.pem', keyName: '/certs/a.key' }, nowMs);
const refusedWith = (t: Test, made: Made, reason: RegExp, nowMs?: number) => {
  const checked = check(made, nowMs);
  t.match(checked, { kind: 'refused', reason, todo: /./ });
  t.notMatch(JSON.stringify(checked), /BEGIN|MIG|MHc/, 'nothing of what the files hold is in it');
};
t.test('a certificate with its key is usable, and says what it is', async (t) => {
  const ca = aCa('Somebody CA');
  const untilMs = Math.floor(Date.now() / 1_000) * 1_000 + 60 * DAY_MS;
  const made = aCertificate(['Shop.example.com', '*.example.com', '10.0.0.1'], { ca, untilMs });
  t.match(check(made), {
    kind: 'usable',
    names: ['shop.example.com', '*.example.com'],
    issuer: 'Somebody CA',
    notAfterMs: untilMs,
    certPem: /^-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\n$/,
    keyPem: /^-----BEGIN PRIVATE KEY-----\n/,
  });
});

t.test(
  'the chain is served leaf first and in order, whatever the order of the file, without what is not of it',
  async (t) => {
    const root = aCa('Root');
    const middle = anIntermediate(root, 'Middle');
    const near = anIntermediate(middle, 'Near');
    const { cert, key } = aCertificate(['a.example.com'], { ca: near });
    const stray = aCa('Stray').certPem;
    for (const text of [
      [cert, near.certPem, middle.certPem],
      [middle.certPem, stray, near.certPem, `some words\r\n${cert.replaceAll('\n', '\r\n')}`, cert],
    ]) {
      const checked = check({ cert: text.join(''), key });
      t.equal(checked.kind, 'usable');
      if (checked.kind !== 'usable') continue;
      const subjects = checked.certPem
        .split(/(?<=END CERTIFICATE-----\n)/)
        .map((pem) => new X509Certificate(pem).subject);
      t.same(subjects, ['CN=a.example.com', 'CN=Near', 'CN=Middle']);
    }
  },
);

t.test('keys of every form that OpenSSL writes are taken', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
  const ca = aCa();
  const p256 = aCertificate(['a.example.com'], { ca });
  const sec1 = createPrivateKey(p256.key).export({ type: 'sec1', format: 'pem' }).toString();
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  t.match(check({ ...p256, key: parameters + sec1 }), { kind: 'usable', keyPem: /BEGIN PRIVATE KEY/ });
  // The certificate's key identifier is that of P-256 keys, which nothing here reads.
  const made = aCertificate(['a.example.com'], { ca, key: rsa });
  const pkcs1 = rsa.export({ type: 'pkcs1', format: 'pem' }).toString();
  t.match(check({ ...made, key: pkcs1 }), { kind: 'usable', keyPem: /BEGIN PRIVATE KEY/ });
});

t.test('what is not usable is refused, with what is wrong and what to do', async (t) => {
  const ca = aCa();
  const good = aCertificate(['a.example.com'], { ca });
  const other = aCertificate(['b.example.com'], { ca });
  refusedWith(
    t,
    { ...good, key: other.key },
    /a\.key is not of the certificate \/certs\/a\.pem \(a\.example\.com\)/,
  );
  refusedWith(t, { ...good, key: encrypted(good.key) }, /a\.key is encrypted/);
  refusedWith(t, { ...good, key: olderEncrypted(good.key) }, /a\.key is encrypted/);
  refusedWith(t, { ...good, key: '' }, /a\.key holds no private key/);
  refusedWith(t, { ...good, key: good.cert }, /a\.key holds no private key/);
  refusedWith(t, { ...good, key: good.key + other.key }, /holds 2 private keys/);
  refusedWith(t, { ...good, key: good.key.replace(/\n.{20}/, '\nAAAA') }, /a\.key is damaged/);
  refusedWith(t, { ...good, cert: good.key }, /a\.pem holds no certificate in PEM, but: private key/);
  refusedWith(t, { ...good, cert: 'words' }, /a\.pem holds no certificate in PEM/);
  refusedWith(t, { ...good, cert: good.cert.slice(0, 200) }, /a\.pem holds no certificate/);
  refusedWith(t, { ...good, cert: good.cert.replace(/\n.{20}/, '\nAAAA') }, /a\.pem is damaged/);
  refusedWith(t, aCertificate([], { ca }), /for no host name/);
  refusedWith(t, aCertificate(['a.example.com'], { ca, usage: 'client' }), /not for servers/);
});

t.test('a weak key, or one that is not known everywhere, is refused', async (t) => {
  const of = (key: ReturnType<typeof generateKeyPairSync>['privateKey']) =>
    aCertificate(['a.example.com'], { ca: aCa(), key: key as never });
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey;
  refusedWith(t, of(weak as never), /too weak: RSA of 1024 bits/);
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  refusedWith(t, of(curve as never), /secp256k1/);
  t.match(pemOfKey(weak), /PRIVATE KEY/);
});

t.test('it is usable from its first second to its last', async (t) => {
  const fromMs = Date.UTC(2026, 0, 1);
  const untilMs = Date.UTC(2026, 2, 1);
  const made = aCertificate(['a.example.com'], { fromMs, untilMs });
  refusedWith(t, made, /not valid before 2026-01-01/, fromMs - 1);
  t.equal(check(made, fromMs).kind, 'usable');
  t.equal(check(made, untilMs - 1).kind, 'usable');
  refusedWith(t, made, /expired on 2026-03-01/, untilMs);
});

t.test('a chain that does not lead on, or has expired, is refused', async (t) => {
  const near = anIntermediate(aCa('Root'), 'Near');
  const made = aCertificate(['a.example.com'], { ca: near });
  refusedWith(t, { ...made, cert: made.cert + aCa('Stray').certPem }, /chain .* is broken: it is of Near/);
  const old = anIntermediate(aCa('Root'), 'Old', { untilMs: Date.now() - 1_000 });
  const of = aCertificate(['a.example.com'], { ca: old });
  refusedWith(t, { ...of, cert: of.cert + old.certPem }, /Old expired on/);
  t.equal(check(of).kind, 'usable', 'without a chain it can be of a root that clients know');
});

function olderEncrypted(keyPem: string): string {
  return createPrivateKey(keyPem)
    .export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'a word' })
    .toString();
}
