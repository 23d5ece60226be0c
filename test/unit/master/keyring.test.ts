import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openKeyring } from '../../../master/keyring.js';
import { bindOfRow } from '../../../master/store/sealed.js';
import { openStore } from '../../../master/store/store.js';
import { sealText } from '../../../shared/seal.js';
import { aStore } from '../../support/a-store.js';

const OF_A = bindOfRow('certificates', 'a', 'sealedKey');
const OF_ACCOUNT = bindOfRow('meta', 'acme-account', 'sealedKey');
const aKey = (): string => randomBytes(32).toString('base64');
const keysOf = (home: string): string[] => readFileSync(join(home, 'master.key'), 'utf8').trim().split('\n');
const certificate = (sealedKey: string) => ({
  name: 'a',
  certPem: 'c',
  sealedKey,
  notBeforeMs: 0,
  notAfterMs: 1,
});

function aHome(t: Test): string {
  const home = mkdtempSync(join(tmpdir(), 'orca-keys-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

t.test('what is sealed is opened for the same only, and by no other key', async (t) => {
  const home = aHome(t);
  const ring = openKeyring(home, {});
  const sealed = ring.seal('hush', 'secret:shop/db@1');
  t.equal(ring.unseal(sealed, 'secret:shop/db@1'), 'hush');
  t.notMatch(sealed, 'hush');
  t.not(ring.seal('hush', 'secret:shop/db@1'), sealed, 'a nonce of its own each time');
  t.throws(() => ring.unseal(sealed, 'secret:shop/db@2'));
  t.throws(() => ring.unseal(sealed, 'secret:shop/other@1'));
  t.throws(() => ring.unseal(sealed, ''));
  const changed = `${sealed.slice(0, -6)}${sealed.slice(-6) === 'AAAAAA' ? 'BBBBBB' : 'AAAAAA'}`;
  t.throws(() => ring.unseal(changed, 'secret:shop/db@1'));
  t.throws(() => openKeyring(aHome(t), {}).unseal(sealed, 'secret:shop/db@1'), { message: /not here/ });
  t.equal(statSync(join(home, 'master.key')).mode & 0o777, 0o600);
});

t.test(
  'a store of an earlier version without its key is refused, and the key is still right when it is put back',
  async (t) => {
    const home = aHome(t);
    const store = aStore(t);
    const key = randomBytes(32);
    // As earlier versions sealed: no key is named.
    store.write((tx) => tx.putCertificate(certificate(sealText(key, 'a private key', ''))));
    t.throws(() => openKeyring(home, {}).settle(store), { code: 'KEY_MISSING' });
    t.notOk(existsSync(join(home, 'master.key')), 'no other one is made');
    writeFileSync(join(home, 'master.key'), key.toString('base64'), { mode: 0o600 });
    const ring = openKeyring(home, {});
    t.same(ring.settle(store), []);
    t.equal(ring.unseal(store.certificate('a')?.sealedKey ?? '', OF_A), 'a private key');
  },
);

t.test('what is only called as if it were sealed is left alone', async (t) => {
  const store = aStore(t);
  const ring = openKeyring(aHome(t), {});
  store.write((tx) => tx.putMeta('labels', { sealed: 'true', sealedBy: 'ann' }));
  t.same(ring.settle(store), []);
  t.same(ring.rotate(store), []);
  t.same(store.meta('labels'), { sealed: 'true', sealedBy: 'ann' });
});

t.test('a new key seals everything anew; the one before goes with the next start', async (t) => {
  const home = aHome(t);
  const store = aStore(t);
  const ring = openKeyring(home, {});
  t.same(ring.settle(store), []);
  const before = ring.seal('a private key', OF_A);
  store.write((tx) => {
    tx.putCertificate(certificate(before));
    tx.putMeta('acme-account', { sealedKey: ring.seal('an account', OF_ACCOUNT), url: null });
  });
  const [first] = keysOf(home);
  t.same(ring.rotate(store), []);
  const after = store.certificate('a')?.sealedKey ?? '';
  t.not(after, before);
  t.equal(ring.unseal(after, OF_A), 'a private key');
  t.equal(ring.unseal(before, OF_A), 'a private key', 'what is still in memory can be opened');
  t.equal(keysOf(home).length, 2);
  const next = openKeyring(home, {});
  t.same(next.settle(store), []);
  t.equal(keysOf(home).length, 1);
  t.not(keysOf(home)[0], first);
  t.equal(next.unseal(store.certificate('a')?.sealedKey ?? '', OF_A), 'a private key');
  t.equal(
    next.unseal((store.meta('acme-account') as { sealedKey: string }).sealedKey, OF_ACCOUNT),
    'an account',
  );
  t.throws(() => next.unseal(before, OF_A));
});

t.test('what a running master wrote with the key before is sealed anew at the next start', async (t) => {
  const home = aHome(t);
  const store = aStore(t);
  const ring = openKeyring(home, {});
  ring.settle(store);
  const late = ring.seal('late', OF_A);
  ring.rotate(store);
  store.write((tx) => tx.putCertificate(certificate(late)));
  const next = openKeyring(home, {});
  next.settle(store);
  t.equal(next.unseal(store.certificate('a')?.sealedKey ?? '', OF_A), 'late');
  t.not(store.certificate('a')?.sealedKey, late);
});

t.test(
  'a change of keys that ended before its commit, or right behind it, goes on at the next start',
  async (t) => {
    for (const isCommitted of [false, true]) {
      const home = aHome(t);
      const folder = join(aHome(t), 'cluster.db');
      let dies = false;
      const store = openStore(folder, {
        onCommit: () => {
          if (dies && isCommitted) throw new Error('killed');
        },
      });
      const ring = openKeyring(home, {});
      ring.settle(store);
      store.write((tx) => tx.putCertificate(certificate(ring.seal('x', OF_A))));
      const [first] = keysOf(home);
      dies = true;
      if (isCommitted) t.throws(() => ring.rotate(store), { message: 'killed' });
      else writeFileSync(join(home, 'master.key'), `${first}\n${aKey()}\n`);
      t.equal(keysOf(home).length, 2);
      await store.close();
      const again = openStore(folder);
      const next = openKeyring(home, {});
      next.settle(again);
      t.equal(keysOf(home).length, 1);
      t.equal(keysOf(home)[0] === first, !isCommitted);
      t.equal(next.unseal(again.certificate('a')?.sealedKey ?? '', OF_A), 'x');
      await again.close();
    }
  },
);

t.test('a key from outside takes the place of the file, and another one of its place', async (t) => {
  const home = aHome(t);
  const store = aStore(t);
  const ring = openKeyring(home, {});
  ring.settle(store);
  store.write((tx) => tx.putCertificate(certificate(ring.seal('x', OF_A))));
  const [one, two] = [aKey(), aKey()];
  const opened = (env: Record<string, string>): string => {
    const next = openKeyring(home, env);
    next.settle(store);
    return next.unseal(store.certificate('a')?.sealedKey ?? '', OF_A);
  };
  t.equal(opened({ ORCA_KEY: one }), 'x');
  t.notOk(existsSync(join(home, 'master.key')), 'nothing is sealed with the one of the file');
  t.throws(() => openKeyring(home, { ORCA_KEY: one }).rotate(store), { code: 'CONFLICT' });
  t.throws(() => opened({ ORCA_KEY: two }), { code: 'KEY_MISSING' });
  t.equal(opened({ ORCA_KEY: two, ORCA_KEY_PREVIOUS: one }), 'x');
  t.equal(opened({ ORCA_KEY: two }), 'x');
  const credentials = aHome(t);
  writeFileSync(join(credentials, 'orca-key'), `${two}\n`);
  t.equal(opened({ CREDENTIALS_DIRECTORY: credentials }), 'x');
  t.equal(opened({ ORCA_KEY_PREVIOUS: two }), 'x', 'and back to a file');
  t.equal(keysOf(home).length, 1);
  t.equal(opened({}), 'x');
});

t.test(
  'without the key of the store nothing starts, and what is no key is refused without showing it',
  async (t) => {
    const home = aHome(t);
    const store = aStore(t);
    openKeyring(home, {}).settle(store);
    rmSync(join(home, 'master.key'));
    t.throws(() => openKeyring(home, {}).settle(store), {
      code: 'KEY_MISSING',
      message: /sealed with the key [0-9a-f]{12}/,
    });
    for (const text of ['short', 'x'.repeat(44), aKey().slice(4)]) {
      try {
        openKeyring(home, { ORCA_KEY: text });
        t.fail(text);
      } catch (error) {
        t.match(error, { code: 'KEY_INVALID' });
        t.notMatch((error as Error).message, text);
      }
    }
  },
);

t.test(
  'what earlier versions sealed is bound to its place at the first start, and then opens nowhere else',
  async (t) => {
    const home = aHome(t);
    const store = aStore(t);
    const key = randomBytes(32);
    writeFileSync(join(home, 'master.key'), `${key.toString('base64')}\n`, { mode: 0o600 });
    const id = createHash('sha256').update('orca key ').update(key).digest('hex').slice(0, 12);
    const before = (plain: string): string => `2.${id}.${sealText(key, plain, '')}`;
    const places = ['docker.io', 'registry.test'].map((host) => ({
      host,
      sealedPassword: before(`of ${host}`),
    }));
    store.write((tx) => {
      tx.putMeta('key-in-force', id);
      tx.putCertificate(certificate(before('of a')));
      tx.putCertificate({ ...certificate(before('of b')), name: 'b' });
      tx.putMeta('registries', Object.fromEntries(places.map((one) => [one.host, one])));
    });
    const ring = openKeyring(home, {});
    t.same(ring.settle(store), []);
    const ofB = bindOfRow('certificates', 'b', 'sealedKey');
    const sealed = (name: string): string => store.certificate(name)?.sealedKey ?? '';
    t.equal(ring.unseal(sealed('a'), OF_A), 'of a');
    t.equal(ring.unseal(sealed('b'), ofB), 'of b');
    t.throws(() => ring.unseal(sealed('a'), ofB), 'swapped with another row');
    const kept = store.meta('registries') as Record<string, { sealedPassword: string }>;
    const ofHost = (host: string): string => bindOfRow('meta', 'registries', host, 'sealedPassword');
    t.equal(ring.unseal(kept['docker.io']?.sealedPassword ?? '', ofHost('docker.io')), 'of docker.io');
    t.throws(() => ring.unseal(kept['docker.io']?.sealedPassword ?? '', ofHost('registry.test')));

    // An attacker with an old copy of the store puts a text of before back, and says that nothing was bound.
    const put = before('of b');
    store.write((tx) => {
      tx.putMeta('key-in-force', null);
      tx.putMeta('schema-version', 7);
      tx.putCertificate(certificate(put));
    });
    t.throws(() => ring.unseal(sealed('a'), OF_A));
    const next = openKeyring(home, {});
    next.settle(store);
    t.equal(sealed('a'), put, 'it is sealed for no place by a start');
    t.throws(() => next.unseal(sealed('a'), OF_A));
    t.same(next.rotate(store), ['certificates a'], 'nor by a new key, which names it');
    t.throws(() => next.unseal(sealed('a'), OF_A));
    t.equal(next.unseal(sealed('b'), ofB), 'of b');
  },
);
