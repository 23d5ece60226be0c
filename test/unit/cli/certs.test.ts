import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { CertificateView } from '../../../shared/api-certificates.js';
import { startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const view: CertificateView = {
  ...{ name: 'a.example.com', services: ['shop/api'], source: 'orca', from: null, state: 'issued' },
  ...{ issuer: 'Orca cluster CA', expires_at: '2099-01-31T12:00:00Z', renews_at: '2099-01-01T12:00:00Z' },
  ...{ reason: null, todo: null, next_try_at: null, seen_at: null },
};
const refused: CertificateView = {
  ...view,
  ...{ name: 'b.example.com', source: 'own', from: 'files:shop/b', state: 'refused', renews_at: null },
  ...{ reason: 'the key is encrypted; the one taken up before stays', todo: 'decrypt it' },
};

t.test('certs shows each name, and below why one is not right and what to do', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('GET /certs', { body: { certificates: [view, refused] } }, { body: { certificates: [] } });
  const { exit, out } = await orca(['certs'], fake);
  t.equal(exit, 0);
  t.match(out, /NAME +SOURCE +STATE +ISSUER +EXPIRES +RENEWS/);
  t.match(out, /a\.example\.com +orca +issued +Orca cluster CA +2099-01-31 .* +2099-01-01 /);
  t.match(out, /b\.example\.com +own \(shop\/b\) +refused .* –/);
  t.match(out, /\ncertificate b\.example\.com: the key is encrypted; .*\n {2}what to do: decrypt it\n$/);
  t.match((await orca(['certs', 'list'], fake)).out, /no names are served/);
  fake.on('GET /certs', { body: { certificates: [view] } });
  t.same(JSON.parse((await orca(['certs', '--json'], fake)).out), { certificates: [view] });
});

t.test('certs ca prints the root alone', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  const ca = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  fake.on('GET /certs/ca', { body: { ca } });
  t.match(await orca(['certs', 'ca'], fake), { exit: 0, out: ca, err: '' });
});

t.test('certs add sends both files, rm takes them away', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  writeFileSync(join(fake.home, 'a.pem'), 'THE CERTIFICATE');
  writeFileSync(join(fake.home, 'a.key'), 'THE KEY', { mode: 0o600 });
  writeFileSync(join(fake.home, 'open.key'), 'THE KEY', { mode: 0o644 });
  const refused = await orca(['certs', 'add', 'wild', '--cert', 'a.pem', '--key', 'open.key'], fake);
  t.match(refused, { exit: 2, err: /open\.key can be read by everybody on this host \(mode 0644\)/ });
  const reply = {
    name: 'wild',
    names: ['*.example.com'],
    issuer: 'Somebody CA',
    expires_at: view.expires_at,
  };
  fake.on('PUT /certs/wild', { body: reply });
  const added = await orca(['certs', 'add', 'wild', '--cert', 'a.pem', '--key', 'a.key'], fake);
  t.match(added, { exit: 0, out: /^ok wild is for \*\.example\.com, of Somebody CA, and lasts until 2099/ });
  t.same(fake.asked.at(-1)?.body, { cert: 'THE CERTIFICATE', key: 'THE KEY' });
  t.notMatch(added.out + added.err, /THE KEY/);
  fake.on('DELETE /certs/wild', { body: { ok: 'gone' } });
  t.match(await orca(['certs', 'rm', 'wild'], fake), { exit: 0, out: 'gone\n' });
});

t.test('certs retry says what came of it', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  fake.on('POST /certs/a.example.com/retry', { body: { ok: 'a.example.com is tried now' } });
  t.match(await orca(['certs', 'retry', 'a.example.com'], fake), {
    ...{ exit: 0, out: 'a.example.com is tried now\n' },
  });
});

t.test('what it is not given right is refused before anything is asked', async (t) => {
  const fake = await startFakeApi();
  t.teardown(() => fake.stop());
  mkdirSync(join(fake.home, 'folder'));
  for (const [argv, words] of [
    [['dance'], /list, add, rm, retry and ca/],
    [['retry'], /certs retry NAME/],
    [['add'], /certs add NAME/],
    [['rm'], /certs rm NAME/],
    [['ca', 'x'], /takes no name/],
    [['add', 'x', '--cert', 'a.pem'], /can't be read|both files/],
    [['add', 'x'], /both files/],
    [['add', 'x', '--cert', 'folder', '--key', 'k'], /folder can't be read: it is no file/],
  ] as [string[], RegExp][])
    t.match(await orca(['certs', ...argv], fake), { exit: 2, err: words });
  t.same(fake.asked, []);
});
