/** What is kept, tried and answered, with a CA that does as a test says (test/e2e/acme.test.ts has a real one). */

import { generateKeyPairSync } from 'node:crypto';
import t, { type Test } from 'tap';
import { createAcme } from '../../../../master/control/acme.js';
import type { AcmeOptions, AcmePort } from '../../../../master/control/acme-port.js';
import { makeCertificate } from '../../../../master/x509.js';
import { aNode, anIngressObserved } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { waitFor } from '../../../support/wait-for.js';

const settings = {
  ...{ directory: 'https://ca/dir', email: 'a@b.c', trustedRoots: [], eab: null, resolvers: [] },
};
const own = { token: 'orca-c', content: 'orca-c', name: null };
const quiet = { ...{ info() {}, warn() {}, error() {}, debug() {} } } as unknown as AcmeOptions['log'];

function setUp(
  t: Test,
  port: Partial<AcmePort>,
  names = ['a.example.com'],
  onChange: () => void = () => undefined,
) {
  const store = aStore(t);
  store.write((tx) => tx.putNode(aNode({ ingress: true })));
  const wanted = new Set(names);
  const asked: string[] = [];
  const make = () =>
    createAcme({
      store,
      authority: { clusterId: 'c', seal: (text) => `sealed ${text}`, unseal: (text) => text.slice(7) },
      settings: () => settings,
      wanted: () => wanted,
      isAssigned: (name) => name !== 'early.example.com',
      port: {
        way: async () => 'http-01',
        reach: async () => undefined,
        takeDown: async () => undefined,
        show: async () => ({ remove: async () => undefined }),
        async issue({ name, onAccount, onOrder }) {
          asked.push(name);
          onAccount('https://ca/account/1');
          onOrder(`https://ca/order/${asked.length}`);
          return aCertificate(name);
        },
        ...port,
      },
      onChange,
      log: quiet,
    });
  const start = () => {
    const acme = make();
    const stop = acme.start();
    t.teardown(stop);
    return { acme, stop };
  };
  return { store, wanted, asked, start };
}

t.test('what was issued is kept sealed, and served until it expires', async (t) => {
  const { store, asked, start } = setUp(t, {}, ['a.example.com', 'b.internal', '*.example.com']);
  const { acme } = start();
  await waitFor('it to be issued', () => store.acmeRecord('a.example.com')?.certificate);
  t.same(asked, ['a.example.com'], 'and nothing that no CA issues for');
  const record = store.acmeRecord('a.example.com');
  t.match(record, {
    order: null,
    failures: 0,
    problem: null,
    certificate: { issuer: 'a test CA', sealedKey: /^sealed / },
  });
  t.match(acme.find('a.example.com'), { names: ['a.example.com'], keyPem: /^-----BEGIN PRIVATE KEY/ });
  t.equal(acme.find('a.example.com'), acme.find('a.example.com'), 'the same until it changes');
  t.equal(acme.find('b.internal'), null);
  t.match(store.meta('acme-account|https://ca/dir|a@b.c'), {
    url: 'https://ca/account/1',
    sealedKey: /^sealed /,
  });
});

t.test('a certificate that has expired is said once, and others are served', async (t) => {
  let served = 0;
  const refused = new Error('the CA is down');
  const { store, start } = setUp(t, { issue: async () => Promise.reject(refused) }, ['a.example.com'], () => {
    served += 1;
  });
  const certificate = {
    ...{ certPem: aCertificate('a.example.com'), sealedKey: 'sealed k', issuer: 'a test CA' },
    ...{ notBeforeMs: Date.now() - 90_000, notAfterMs: Date.now() + 300 },
  };
  const gone = {
    name: 'a.example.com',
    directory: settings.directory,
    order: null,
    failures: 0,
    nextAtMs: 0,
  };
  store.write((tx) => tx.putAcme({ ...gone, certificate, problem: null }));
  const { acme, stop } = start();
  t.not(acme.find('a.example.com'), null);
  const told = () => store.events(50).filter(({ kind }) => kind === 'certificate.expired');
  await waitFor('its end', () => told().length > 0);
  t.equal(acme.find('a.example.com'), null);
  t.equal(served, 1);
  await stop();
  await start().stop();
  t.equal(told().length, 1, 'a restart does not say it again');
});

t.test('what fails is kept with its reason, and tried no sooner for whatever wakes it', async (t) => {
  let tries = 0;
  const { store, start } = setUp(t, {
    async way() {
      tries += 1;
      throw Object.assign(new Error('it points elsewhere'), { todo: 'Point it here.' });
    },
  });
  const { acme, stop } = start();
  await waitFor('its reason', () => store.acmeRecord('a.example.com')?.problem);
  t.match(store.acmeRecord('a.example.com'), {
    failures: 1,
    problem: { reason: 'it points elsewhere', todo: 'Point it here.' },
  });
  for (let i = 0; i < 20; i += 1) {
    acme.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await stop();
  start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(tries, 1);
});

t.test(
  'an order is gone on with by the next master, which answers what its CA may be about to ask',
  async (t) => {
    const began: (string | null)[] = [];
    let isFirst = true;
    const { store, start } = setUp(t, {
      async issue({ name, orderUrl, onOrder, prove, forget }) {
        began.push(orderUrl);
        if (!isFirst) return aCertificate(name);
        onOrder('https://ca/order/1');
        await prove('token', 'content');
        // This master is killed here.
        await new Promise(() => undefined);
        forget('token');
        return '';
      },
    });
    const first = start();
    await waitFor('its order', () => store.acmeRecord('a.example.com')?.order?.challenge);
    t.same(first.acme.challenges(), [own, { token: 'token', content: 'content', name: null }]);
    await first.stop();
    isFirst = false;
    const next = start();
    t.same(next.acme.challenges(), [own, { token: 'token', content: 'content', name: null }]);
    await waitFor('it to be issued', () => store.acmeRecord('a.example.com')?.certificate);
    t.same(began, [null, 'https://ca/order/1']);
    await waitFor('its challenge to be forgotten', () => next.acme.challenges().length === 1);
  },
);

t.test('nothing is looked at before the ingresses serve what they were assigned', async (t) => {
  const { store, asked, start } = setUp(t, {});
  store.write((tx) => tx.putNode(aNode({ ingress: true, revision: 2 })));
  start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.same(asked, []);
  store.write((tx) =>
    tx.putNode(aNode({ revision: 2, ingressObserved: anIngressObserved({ revision: 2 }) })),
  );
  await waitFor('it to be issued', () => store.acmeRecord('a.example.com')?.certificate);
});

t.test('a name that no ingress was assigned yet is not looked at, and the others are', async (t) => {
  const { store, asked, start } = setUp(t, {}, ['early.example.com', 'a.example.com']);
  const { acme } = start();
  await waitFor('the other', () => store.acmeRecord('a.example.com')?.certificate);
  acme.wake();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(asked, ['a.example.com']);
});

t.test('the clock of a failing name goes on when it was gone for a while', async (t) => {
  let tries = 0;
  const { store, wanted, start } = setUp(t, {
    async way() {
      tries += 1;
      throw new Error('no');
    },
  });
  const { acme } = start();
  const failed = await waitFor('its reason', () => {
    const record = store.acmeRecord('a.example.com');
    return record?.problem && record;
  });
  const pastMs = Date.now() - 25 * 3_600_000;
  store.write((tx) => tx.putAcme({ ...failed, name: 'old.example.com', nextAtMs: pastMs }));
  wanted.clear();
  acme.wake();
  await waitFor('what nothing depends on to be forgotten', () => !store.acmeRecord('old.example.com'));
  t.same(store.acmeRecord('a.example.com'), failed);
  wanted.add('a.example.com').add('b.example.com');
  acme.wake();
  await waitFor('the other to be tried', () => store.acmeRecord('b.example.com')?.problem);
  t.equal(tries, 2, 'the other one alone');
});

function aCertificate(name: string): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = Date.now();
  return makeCertificate(
    {
      ...{ commonName: name, names: [name], usage: 'server' as const, publicKey },
      ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 90 * 86_400_000 },
    },
    { commonName: 'a test CA', privateKey },
  );
}
