import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import t from 'tap';
import { openAuthority } from '../../../master/authority.js';
import { makeCertificate } from '../../../master/x509.js';

function aHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'orca-ca-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

t.test(
  'certificates carry their names, addresses, usage and times, and verify against their issuer',
  async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const request = {
      commonName: 'a.example.com',
      names: ['a.example.com', '*.b.example.com', '10.1.2.3', '2001:db8::7'],
      usage: 'server' as const,
      publicKey,
      notBeforeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      notAfterMs: Date.UTC(2051, 0, 1),
    };
    const certificate = new X509Certificate(makeCertificate(request, { commonName: 'the CA', privateKey }));
    t.equal(certificate.subject, 'CN=a.example.com');
    t.equal(certificate.issuer, 'CN=the CA');
    t.ok(certificate.verify(createPublicKey(privateKey)));
    t.equal(certificate.checkHost('x.b.example.com'), '*.b.example.com');
    t.equal(certificate.checkIP('10.1.2.3'), '10.1.2.3');
    t.ok(certificate.checkIP('2001:db8::7'));
    t.equal(Date.parse(certificate.validFrom), request.notBeforeMs);
    t.equal(Date.parse(certificate.validTo), request.notAfterMs, 'beyond 2049 as GeneralizedTime');
    t.equal(certificate.ca, false);
  },
);

t.test(
  'the CA is made once, its keys are closed to others, and a home without its key is refused',
  async (t) => {
    const home = aHome();
    const first = openAuthority(home, Date.now());
    const second = openAuthority(home, Date.now());
    t.equal(second.caPem, first.caPem);
    t.equal(second.clusterId, first.clusterId);
    t.equal(statSync(join(home, 'ca.key')).mode & 0o777, 0o600);
    t.equal(statSync(join(home, 'ca.pem')).mode & 0o777, 0o644);
    first.seal('the first thing that needs it', 'it');
    t.equal(statSync(join(home, 'master.key')).mode & 0o777, 0o600);
    t.ok(new X509Certificate(first.caPem).ca);
    rmSync(join(home, 'ca.key'));
    t.throws(() => openAuthority(home, Date.now()), { message: /its key/ });
  },
);

t.test('what is sealed opens again with the same home only, and is not in the sealed text', async (t) => {
  const [one, other] = [openAuthority(aHome(), Date.now()), openAuthority(aHome(), Date.now())];
  const sealed = one.seal('a private key', 'it');
  t.equal(one.unseal(sealed, 'it'), 'a private key');
  t.not(one.seal('a private key', 'it'), sealed, 'a nonce of its own each time');
  t.notMatch(Buffer.from(sealed, 'base64').toString('latin1'), /private/);
  t.throws(() => other.unseal(sealed, 'it'));
});

t.test('TLS accepts the certificates both ways', async (t) => {
  const authority = openAuthority(aHome(), Date.now());
  const served = authority.issueServer(['localhost'], Date.now());
  const node = authority.issueNode('n-1', Date.now());
  const server = createServer(
    { key: served.keyPem, cert: served.certPem, ca: authority.caPem, requestCert: true },
    (socket) => socket.end(String(socket.getPeerCertificate().subject.CN)),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: authority.caPem,
      key: node.keyPem,
      cert: node.certPem,
    });
    socket.on('data', (data) => resolve(data.toString()));
    socket.on('error', reject);
  });
  t.equal(said, 'n-1');
});
