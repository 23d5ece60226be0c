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
