import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openAuthority } from '../../../../master/authority.js';
import { createOwnCertificates } from '../../../../master/control/own-certificates.js';
import { createStates } from '../../../../master/control/states.js';
import { aCa, aCertificate, encrypted, type Made } from '../../../support/a-certificate.js';
import { aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const DAY_MS = 86_400_000;
const ca = aCa();
const NAME = 'api.example.com';

/** A home with the service shop/api, whose files are api.pem and api.key. */
function aHome(t: Test) {
  const home = mkdtempSync(join(tmpdir(), 'orca-own-'));
  t.teardown(() => rmSync(home, { recursive: true }));
  const certs = join(home, 'certs');
  mkdirSync(certs);
  const store = aStore(t);
  const states = createStates(store);
  const authority = openAuthority(home, Date.now());
  let nowMs = Date.now();
  const start = () => createOwnCertificates({ store, authority, certDir: () => certs, nowMs: () => nowMs });
  const own = start();
  const serve = (keys: object) => store.write((tx) => tx.putService(aService({}, keys)));
  serve({ tls_cert: 'api.pem', tls_key: 'api.key' });
  return {
    ...{ home, certs, store, states, own, start, serve },
    put: ({ cert, key }: Made) => {
      writeFileSync(join(certs, 'api.pem'), cert);
      writeFileSync(join(certs, 'api.key'), key, { mode: 0o600 });
    },
    look: () => own.look(states.all()),
    pass: (ms: number) => {
      nowMs += ms;
    },
    events: () => store.events(50).map(({ kind, message }) => `${kind}: ${message}`),
  };
}

t.test(
  'files are taken up, sealed, and served for what they are for; equal ones are no change',
  async (t) => {
    const { own, put, look, store, certs, start } = aHome(t);
    const made = aCertificate([NAME, '*.shop.example.com'], { ca });
    put(made);
    t.ok(look());
    t.notOk(look());
    const served = own.find(NAME);
    t.match(served, { certPem: made.cert, keyPem: made.key });
    t.equal(own.find('a.shop.example.com'), served);
    t.equal(own.find('other.example.com'), null);
    t.ok(own.covers(NAME));
    t.notOk(own.covers('other.example.com'));
    const [record] = store.ownCertificates();
    t.match(record, { id: 'files:shop/api', issuer: 'Somebody CA', by: 'shop/api' });
    t.notMatch(JSON.stringify(record), made.key.split('\n')[1] ?? '', 'its key is sealed');
    writeFileSync(join(certs, 'api.pem'), made.cert);
    t.notOk(look(), 'the same again');
    t.equal(own.find(NAME), served);
    t.same(start().find(NAME), served, 'a new master serves it before it has looked');
  },
);

t.test('a changed file is taken up; a bad one is told once, and the one in use stays', async (t) => {
  const { own, put, look, certs, events } = aHome(t);
  const [first, second] = [aCertificate([NAME], { ca }), aCertificate([NAME], { ca })];
  put(first);
  look();
  writeFileSync(join(certs, 'api.pem'), second.cert);
  t.notOk(look());
  t.match(own.refusals().get('shop/api'), { reason: /api\.key is not of the certificate .*api\.pem/ });
  t.equal(own.find(NAME)?.certPem, first.cert);
  t.notMatch(events().join('\n'), /refused/, 'two files are not exchanged in one moment');
  look();
  look();
  t.equal(events().filter((line) => /certificate\.refused: .*the one in use stays$/.test(line)).length, 1);
  writeFileSync(join(certs, 'api.key'), second.key);
  t.ok(look());
  t.equal(own.find(NAME)?.certPem, second.cert);
  t.equal(own.refusals().size, 0);
  t.equal(events().filter((line) => line.startsWith('certificate.taken-up')).length, 2);
});

t.test('what the host does not hold safely is refused with a reason', async (t) => {
  const { own, put, look, certs, home, pass } = aHome(t);
  const good = aCertificate([NAME], { ca });
  const refused = (reason: RegExp) => {
    look();
    t.match(own.refusals().get('shop/api'), { reason, todo: /./ });
    t.equal(own.find(NAME), null);
  };
  refused(/tls_cert .*certs\/api\.pem is not there/);
  put(good);
  chmodSync(join(certs, 'api.key'), 0o644);
  refused(/tls_key .*api\.key can be read by everybody .*0644/);
  chmodSync(join(certs, 'api.key'), 0o600);
  chmodSync(join(certs, 'api.pem'), 0o666);
  refused(/tls_cert .*api\.pem can be changed by everybody/);
  rmSync(join(certs, 'api.pem'));
  mkdirSync(join(certs, 'api.pem'));
  refused(/api\.pem is a directory/);
  rmSync(join(certs, 'api.pem'), { recursive: true });
  writeFileSync(join(home, 'out.pem'), good.cert);
  symlinkSync('../out.pem', join(certs, 'api.pem'));
  refused(/api\.pem leads out of .*certs/);
  rmSync(join(certs, 'api.pem'));
  symlinkSync('api.pem', join(certs, 'api.pem'));
  refused(/api\.pem is a link that leads nowhere/);
  rmSync(join(certs, 'api.pem'));
  put({ ...good, key: encrypted(good.key) });
  refused(/api\.key is encrypted/);
  put(aCertificate(['b.example.com'], { ca }));
  refused(/is for b\.example\.com, and not for api\.example\.com/);
  put(aCertificate([NAME], { ca, untilMs: Date.now() - DAY_MS }));
  refused(/expired on/);
  put(aCertificate([NAME], { ca, fromMs: Date.now() + DAY_MS }));
  refused(/not valid before/);
  pass(2 * DAY_MS);
  t.ok(look(), 'time alone makes it right');
  t.ok(own.covers(NAME));
});

t.test('an absolute path may be a link, as those of certbot are', async (t) => {
  const { own, look, home, serve } = aHome(t);
  const made = aCertificate([NAME], { ca });
  writeFileSync(join(home, 'cert1.pem'), made.cert);
  writeFileSync(join(home, 'key1.pem'), made.key, { mode: 0o600 });
  symlinkSync('cert1.pem', join(home, 'live.pem'));
  serve({ tls_cert: join(home, 'live.pem'), tls_key: join(home, 'key1.pem') });
  t.ok(look());
  t.equal(own.find(NAME)?.certPem, made.cert);
  const next = aCertificate([NAME], { ca });
  writeFileSync(join(home, 'cert2.pem'), next.cert);
  writeFileSync(join(home, 'key1.pem'), next.key);
  rmSync(join(home, 'live.pem'));
  symlinkSync('cert2.pem', join(home, 'live.pem'));
  t.ok(look());
  t.equal(own.find(NAME)?.certPem, next.cert);
  serve({ tls_cert: '../live.pem', tls_key: '../key1.pem' });
  look();
  t.match(own.refusals().get('shop/api'), { reason: /leads out of/ }, 'a relative one may not');
});

t.test('files that no service names any more are forgotten', async (t) => {
  const { own, put, look, serve, store } = aHome(t);
  put(aCertificate([NAME], { ca }));
  look();
  serve({});
  t.ok(look());
  t.equal(own.find(NAME), null);
  t.same(store.ownCertificates(), []);
});

t.test('an upload is checked, kept, replaced and removed', async (t) => {
  const { own, store, events, look } = aHome(t);
  const wild = aCertificate(['*.example.com'], { ca });
  t.match(own.add({ name: '*.Example.com', ...wild }, 'ann'), { id: 'upload:*.example.com', by: 'ann' });
  t.ok(own.covers('b.example.com'));
  const key = wild.key.split('\n')[1] ?? '';
  t.notMatch(JSON.stringify([store.ownCertificates(), own.uploads(), events()]), key);
  const bad = (upload: Made, name: string, message: RegExp) =>
    t.throws(() => own.add({ name, ...upload }, 'ann'), {
      code: 'CONFIG_INVALID',
      message,
      hint: /Nothing|Call/,
    });
  bad({ ...wild, key: aCertificate(['x.example.com']).key }, '*.example.com', /is not of the certificate/);
  bad(wild, 'other.com', /is for \*\.example\.com, and not for other\.com/);
  bad(wild, '../etc/passwd', /can't be called/);
  t.equal(own.find('b.example.com')?.certPem, wild.cert, 'the one in use stays');
  const next = aCertificate(['*.example.com'], { ca });
  own.add({ name: '*.example.com', ...next }, 'ann');
  t.equal(own.find('b.example.com')?.certPem, next.cert);
  own.add({ name: 'word', ...aCertificate(['c.example.com'], { ca }) }, 'ann');
  t.equal(own.uploads().length, 2);
  look();
  own.remove('*.EXAMPLE.com', 'bob');
  t.equal(own.find('b.example.com'), null);
  t.throws(() => own.remove('*.example.com', 'bob'), { code: 'NOT_FOUND' });
  t.match(events().join('\n'), /certificate\.removed: bob removed/);
});

t.test('the end of a certificate is told once two weeks before, and once when it is there', async (t) => {
  const { own, put, look, pass, events, start, states } = aHome(t);
  put(aCertificate([NAME], { ca, untilMs: Date.now() + 20 * DAY_MS }));
  look();
  const told = () => events().filter((line) => /certificate\.expir/.test(line));
  look();
  t.same(told(), []);
  pass(7 * DAY_MS);
  look();
  look();
  start().look(states.all());
  t.match(told(), [/certificate\.expiring: .*files of shop\/api for api\.example\.com expires in 13 days/]);
  pass(14 * DAY_MS);
  t.ok(look());
  look();
  t.equal(told().length, 2);
  t.match(told().at(-1), /certificate\.expired/);
  t.equal(own.find(NAME), null, 'one by ACME goes before it');
  t.notOk(own.covers(NAME));
  t.ok(own.last.find(NAME), "and it before one of the cluster's CA");
});

t.test('who may deploy some projects learns nothing of files outside of cert_dir', async (t) => {
  const { own, put, certs } = aHome(t);
  const words = (cert: string) =>
    own.problemOf(aSpec({ tls_cert: cert, tls_key: 'api.key' }), true)?.reason.replace(cert, 'IT');
  const there = words('/etc/passwd');
  t.match(there, /tls_cert IT lies outside of cert_dir/);
  for (const path of [
    '/etc/is-not-there',
    '/etc',
    '/etc/passwd/x',
    '../../../../etc/passwd',
    '../is-not-there',
  ])
    t.equal(words(path), there, path);
  const key = aSpec({ tls_cert: 'api.pem', tls_key: '/dev/null' });
  t.match(own.problemOf(key, true), { reason: /^tls_key \/dev\/null lies outside/ });
  t.match(words('api.pem'), /IT is not there/);
  put(aCertificate([NAME], { ca }));
  t.equal(words('api.pem'), undefined);
  t.equal(words(join(certs, 'api.pem')), undefined, 'an absolute path may lead there too');
});

t.test('a deploy is refused with files that are bad, unless good ones of them are in use', async (t) => {
  const { own, put, look, certs } = aHome(t);
  const spec = aSpec({ tls_cert: 'api.pem', tls_key: 'api.key' });
  t.match(own.problemOf(spec), { reason: /api\.pem is not there/ });
  t.equal(own.problemOf(aSpec()), null);
  put(aCertificate([NAME], { ca }));
  t.equal(own.problemOf(spec), null);
  look();
  rmSync(join(certs, 'api.key'));
  t.equal(own.problemOf(spec), null, 'what is in use stays');
  t.match(own.problemOf({ ...spec, tls: { cert: 'new.pem', key: 'api.key' } }), { reason: /new\.pem/ });
});
