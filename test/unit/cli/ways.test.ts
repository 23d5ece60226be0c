import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { aCa, aCertificate } from '../../support/a-certificate.js';
import { type FakeApi, startFakeApi } from './fake-api.js';
import { orca } from './fake-io.js';

const privateCa = aCa('A private CA');

/** An API that shows a certificate of that CA under its domain, as a user on another host calls it. */
async function anApi(t: Test, names = ['localhost']): Promise<FakeApi & { named: string }> {
  const fake = await startFakeApi(aCertificate(names, { ca: privateCa }));
  t.teardown(() => fake.stop());
  return { ...fake, named: fake.url.replace('127.0.0.1', 'localhost') };
}

t.test("who knows the cluster's CA needs no other, whatever the API's name shows", async (t) => {
  const fake = await anApi(t);
  fake.on('GET /certs', { body: { certificates: [] } });
  fake.on('GET /services/web/logs', { lines: [] });
  const home = t.testdir();
  const elsewhere = {
    home,
    env: { ORCA_CA: join(fake.home, 'ca.pem'), ORCA_TOKEN: 'T', ORCA_API: fake.named },
  };
  t.match(await orca(['certs'], elsewhere), { exit: 0, out: /no names are served/ });
  t.equal((await orca(['logs', 'web'], elsewhere)).exit, 0, 'what comes line by line too');
  t.ok(fake.asked.every(({ token }) => token === 'T'));
  const count = fake.asked.length;
  const root = join(home, 'root.pem');
  writeFileSync(root, privateCa.certPem);
  t.equal((await orca(['certs'], { ...elsewhere, env: { ...elsewhere.env, ORCA_CA: root } })).exit, 0);
  t.equal(fake.asked.length, count + 1, "nor who knows the CA of the name the cluster's");
});

t.test('nobody else is told anything', async (t) => {
  const [fake, other] = [await anApi(t), await anApi(t, ['other.example.com'])];
  const home = t.testdir();
  const trusting = (ca: string, api: string) =>
    orca(['certs'], { home, env: { ORCA_CA: ca, ORCA_TOKEN: 'T', ORCA_API: api } });
  const refused = await trusting(join(other.home, 'ca.pem'), fake.named);
  t.match(refused, {
    exit: 3,
    err: /no answer from https:\/\/localhost:\d+[\s\S]*hint: It is not of the cluster's CA/,
  });
  const root = join(home, 'root.pem');
  writeFileSync(root, aCa('Another CA').certPem);
  t.match(await trusting(root, fake.named), { exit: 3, err: /hint: .*set ORCA_CA/ });
  t.match(await trusting(join(fake.home, 'nowhere.pem'), fake.named), {
    ...{ exit: 2, err: /ORCA_CA names .*nowhere\.pem, which can't be read/ },
  });
  t.same([...fake.asked, ...other.asked], []);
});

t.test("the home's own token is said to the home's master alone", async (t) => {
  const [own, other] = [await startFakeApi(), await anApi(t)];
  t.teardown(() => own.stop());
  own.on('GET /certs', { body: { certificates: [] } });
  const root = join(t.testdir(), 'root.pem');
  writeFileSync(root, privateCa.certPem);
  const asking = (env: Record<string, string>) => orca(['certs'], { home: own.home, env });
  for (const env of [{}, { ORCA_CA: root }, { ORCA_CA: join(other.home, 'ca.pem') }])
    t.match(await asking({ ...env, ORCA_API: other.named }), {
      ...{ exit: 3, err: /hint: The token in the home is for the master of that home alone/ },
    });
  t.same(other.asked, [], 'not even to who has a certificate that is trusted');
  t.equal((await asking({})).exit, 0);
  t.equal(
    (await asking({ ORCA_API: own.url.replace('127.0.0.1', 'localhost') })).exit,
    0,
    'by another name of it too',
  );
  t.same(
    own.asked.map(({ token }) => token),
    ['the-token', 'the-token'],
  );
  other.on('GET /certs', { body: { certificates: [] } });
  t.equal((await asking({ ORCA_API: other.named, ORCA_CA: root, ORCA_TOKEN: 'T' })).exit, 0);
  t.match(other.asked, [{ token: 'T' }]);
});
