import t from 'tap';
import { createCertificates, type SiteIssuer } from '../../../../master/control/certificates.js';
import { createStates } from '../../../../master/control/states.js';
import { FALLBACK_NAME } from '../../../../master/store/tables.js';
import { aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

/** Certificates of 90 ms, numbered, with keys sealed by turning them around. */
function anIssuer(): SiteIssuer {
  let issued = 0;
  const turned = (text: string): string => [...text].reverse().join('');
  return {
    issueServer: (names, nowMs) => ({
      certPem: `${names[0]} ${++issued}`,
      keyPem: `key ${issued}`,
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 90,
    }),
    datesOfSite: () => null,
    seal: turned,
    unseal: turned,
  };
}

t.test('each domain gets a certificate, kept until two thirds of its time have passed', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  const certificates = createCertificates(store, anIssuer());
  store.write((tx) => tx.putService(aService()));
  certificates.ensure(states.all(), 0);
  t.same(
    store.certificates().map((c) => c.name),
    ['api.example.com', FALLBACK_NAME],
  );
  const first = certificates.byDomain().get('api.example.com');
  t.match(first, { names: ['api.example.com'], keyPem: /^key/ });
  t.notMatch(JSON.stringify(store.certificates()), /"key \d/, 'keys are sealed in the store');
  t.match(certificates.fallback(), { names: [FALLBACK_NAME] });
  t.notOk(certificates.byDomain().has(FALLBACK_NAME));

  certificates.ensure(states.all(), 60);
  t.equal(certificates.byDomain().get('api.example.com'), first, 'not before two thirds');
  certificates.ensure(states.all(), 61);
  t.not(certificates.byDomain().get('api.example.com')?.certPem, first?.certPem);
});

t.test('one whose key can not be opened is issued anew, and keeps nobody from the others', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  store.write((tx) => tx.putService(aService()));
  createCertificates(store, anIssuer()).ensure(states.all(), 0);
  const stored = store.certificate('api.example.com');
  if (stored) store.write((tx) => tx.putCertificate({ ...stored, sealedKey: 'damaged' }));
  const issuer = anIssuer();
  const certificates = createCertificates(store, {
    ...issuer,
    unseal: (sealed, bind) => {
      if (sealed === 'damaged') throw new Error('changed');
      return issuer.unseal(sealed, bind);
    },
  });
  certificates.ensure(states.all(), 1);
  t.match(certificates.byDomain().get('api.example.com'), { keyPem: /^key/ });
});

t.test('a domain that is served no more loses its certificate, but not while it drains', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  const certificates = createCertificates(store, anIssuer());
  store.write((tx) => tx.putService(aService({ desired: 'removed' })));
  certificates.ensure(states.all(), 0);
  t.ok(certificates.byDomain().has('api.example.com'), 'what is being removed is still served');
  store.write((tx) => tx.deleteService('shop/api'));
  certificates.ensure(states.all(), 0);
  t.equal(certificates.byDomain().size, 0);
});

t.test('a service without TLS needs none, and names with a better one are known', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  store.write((tx) => tx.putService(aService({}, { http_only: true })));
  const better = { names: ['api.example.com'], certPem: 'better', keyPem: 'key' };
  const certificates = createCertificates(store, anIssuer(), [
    { find: (name) => (name === 'api.example.com' ? better : null) },
  ]);
  certificates.ensure(states.all(), 0);
  t.equal(certificates.byDomain().size, 0);
  store.write((tx) => tx.putService(aService({}, { domain: null, domains: ['api.example.com', 'b.com'] })));
  certificates.ensure(states.all(), 0);
  t.same([...certificates.byDomain().keys()], ['api.example.com', 'b.com']);
  t.same([...certificates.trusted()], ['api.example.com']);
});

t.test('a service that is not routed needs none', async (t) => {
  const store = aStore(t);
  const states = createStates(store);
  store.write((tx) => tx.putService(aService({}, { internal: true, domain: null })));
  const certificates = createCertificates(store, anIssuer());
  certificates.ensure(states.all(), 0);
  t.equal(certificates.byDomain().size, 0);
});
