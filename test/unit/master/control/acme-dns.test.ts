/** Orders by DNS-01, with a CA and a provider that do as a test says (test/e2e/acme-dns.test.ts has real ones). */
import { generateKeyPairSync } from 'node:crypto';
import t, { type Test } from 'tap';
import type { AcmeOrder, DnsSettings } from '../../../../master/acme/order.js';
import { createAcme } from '../../../../master/control/acme.js';
import type { AcmeOptions, AcmePort } from '../../../../master/control/acme-port.js';
import { retryByDns } from '../../../../master/control/acme-retry.js';
import { isByDns } from '../../../../master/plan/dns.js';
import type { AcmeRecord } from '../../../../master/store/tables.js';
import { makeCertificate } from '../../../../master/x509.js';
import { aNode } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { waitFor } from '../../../support/wait-for.js';

const dns: DnsSettings = {
  ...{ module: 'x', options: {}, names: ['db.example.com'], caddy: 'auto', resolvers: [] },
  ...{ propagationTimeoutMs: null, propagationDelayMs: 0 },
};
const settings = {
  ...{ directory: 'https://ca/dir', email: 'a@b.c', trustedRoots: [], eab: null, resolvers: [], dns },
};
const quiet = { ...{ info() {}, warn() {}, error() {}, debug() {} } } as unknown as AcmeOptions['log'];

function setUp(t: Test, port: Partial<AcmePort>, names: string[], before?: (name: string) => AcmeRecord) {
  const store = aStore(t);
  store.write((tx) => {
    if (before) for (const name of names) tx.putAcme(before(name));
  });
  // It serves nothing of what it was assigned yet.
  store.write((tx) => tx.putNode(aNode({ ingress: true, revision: 2 })));
  const seen: string[] = [];
  const acme = createAcme({
    store,
    authority: { clusterId: 'c', seal: (text) => `sealed ${text}`, unseal: (text) => text.slice(7) },
    settings: () => settings,
    wanted: () => new Set(names),
    isAssigned: (name) => name !== 'early.example.com',
    port: {
      way: async (name) => (isByDns(name, dns) ? 'dns-01' : 'http-01'),
      reach: async () => undefined,
      async show({ name, token, accountKeyPem }) {
        seen.push(`show ${name} ${token} ${accountKeyPem.slice(0, 27)}`);
        return { remove: async () => void seen.push(`remove ${name}`) };
      },
      takeDown: async ({ name, token }) => void seen.push(`take down ${name} ${token}`),
      issue: aCa(seen),
      ...port,
    },
    onChange() {},
    log: quiet,
  });
  const stop = acme.start();
  t.teardown(stop);
  return { store, acme, seen, stop };
}

/** Orders, has the name proved, and issues. */
function aCa(seen: string[]) {
  return async ({ name, orderUrl, onOrder, prove, forget }: AcmeOrder): Promise<string> => {
    seen.push(`order ${name} ${orderUrl ?? 'anew'}`);
    if (orderUrl === null) onOrder(`https://ca/order/${name}`);
    try {
      await prove(`token-of-${name}`, 'content');
    } finally {
      await forget(`token-of-${name}`);
    }
    return aCertificate(name);
  };
}

t.test(
  'wildcards and named ones need no ingress: their record is shown, taken down, and they are issued',
  async (t) => {
    const { store, acme, seen } = setUp(t, {}, ['*.example.com', 'db.example.com', 'www.example.com']);
    await waitFor('both', () =>
      ['*.example.com', 'db.example.com'].every((name) => store.acmeRecord(name)?.certificate),
    );
    const of = (name: string) => seen.filter((line) => line.includes(` ${name}`));
    t.same(of('*.example.com'), [
      'order *.example.com anew',
      'show *.example.com token-of-*.example.com -----BEGIN PRIVATE KEY-----',
      'remove *.example.com',
    ]);
    t.same(of('www.example.com'), [], 'which waits for the ingress');
    t.equal(store.acmeRecord('www.example.com'), undefined);
    t.match(store.acmeRecord('*.example.com'), { order: null, problem: null });
    t.equal(acme.challenges().length, 1, 'no ingress answers for any of them');
    t.match(acme.find('*.example.com'), { names: ['*.example.com'] });
  },
);

t.test('a record that can not be shown costs no second order, and its clock goes on', async (t) => {
  const failing = Object.assign(new Error('the API answers 401'), { todo: 'Mend it.', isGone: true });
  let isMended = false;
  const { store, acme, seen } = setUp(
    t,
    {
      async show() {
        if (!isMended) throw failing;
        return { remove: async () => undefined };
      },
    },
    ['*.example.com'],
  );
  const failed = await waitFor('its reason', () => {
    const record = store.acmeRecord('*.example.com');
    return record?.problem && record;
  });
  t.match(failed, {
    ...{ failures: 1, problem: { reason: 'the API answers 401', todo: 'Mend it.' } },
    order: { url: 'https://ca/order/*.example.com' },
  });
  t.ok(failed.nextAtMs > Date.now());
  isMended = true;
  const retrying = {
    ...{ store, settings: () => settings, wanted: () => new Set<string>() },
    ...{ isCovered: () => false, wake: acme.wake },
  };
  retryByDns(retrying, Date.now());
  await waitFor('it to be issued', () => store.acmeRecord('*.example.com')?.certificate);
  t.same(seen, ['order *.example.com anew', 'order *.example.com https://ca/order/*.example.com']);
});

t.test(
  'a record that a killed master has left is taken down by the next one, whatever the CA says',
  async (t) => {
    const seen: string[] = [];
    const killed = (name: string) => ({
      ...{ name, directory: settings.directory, certificate: null, failures: 0, nextAtMs: 0, problem: null },
      order: { url: `https://ca/order/${name}`, sealedKey: 'sealed key', shown: `old-of-${name}` },
    });
    const names = ['*.proved.com', '*.refused.com', '*.again.com'];
    const { store } = setUp(
      t,
      {
        takeDown: async ({ name, token }) => void seen.push(`${name} ${token}`),
        async issue({ name, prove, forget }) {
          if (name === '*.refused.com') throw new Error('the CA says no');
          // Of one the order was over: another token.
          if (name === '*.again.com') {
            await prove('new', 'content');
            await forget('new');
          }
          return aCertificate(name);
        },
      },
      names,
      killed,
    );
    await waitFor('all to be taken down', () => seen.length === 3);
    t.same(seen.sort(), names.map((name) => `${name} old-of-${name}`).sort());
    await waitFor('what was refused', () => store.acmeRecord('*.refused.com')?.problem);
    t.equal(store.acmeRecord('*.refused.com')?.order, null);
  },
);

t.test('four at a time', async (t) => {
  const names = ['*.a.com', '*.b.com', '*.c.com', '*.d.com', '*.e.com', '*.f.com'];
  const waiting: (() => void)[] = [];
  const { store } = setUp(
    t,
    {
      way: async () => 'dns-01',
      async show() {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { remove: async () => undefined };
      },
    },
    names,
  );
  const issued = () => store.acmeRecords().filter(({ certificate }) => certificate).length;
  await waitFor('the first', () => waiting.length === 4);
  t.equal(store.acmeRecords().length, 4, 'and the others were not begun');
  for (const go of waiting.splice(0)) go();
  await waitFor('the others', () => waiting.length === 2);
  t.equal(issued(), 4);
  for (const go of waiting) go();
  await waitFor('all', () => issued() === 6);
});

t.test('retried by changed settings is only what DNS-01 is for, and what the CA allows', async (t) => {
  const store = aStore(t);
  const record = {
    ...{ directory: settings.directory, certificate: null, order: null, failures: 3, nextAtMs: 9_000 },
    problem: { atMs: 0, reason: 'no', todo: null },
  };
  store.write((tx) => {
    for (const name of ['*.example.com', 'www.example.com']) tx.putAcme({ ...record, name });
    tx.putAcme({ ...record, name: 'db.example.com', notBeforeMs: 8_000 });
  });
  const woken: string[] = [];
  const options = {
    store,
    settings: () => settings,
    wanted: () => new Set<string>(),
    isCovered: () => false,
  };
  retryByDns({ ...options, wake: () => void woken.push('woken') }, 1_000);
  const due = (name: string) => store.acmeRecord(name)?.nextAtMs;
  t.same([due('*.example.com'), due('www.example.com'), due('db.example.com')], [1_000, 9_000, 9_000]);
  t.same(woken, ['woken']);
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
