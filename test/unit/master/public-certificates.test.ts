import t from 'tap';
import { createStates } from '../../../master/control/states.js';
import { createPublicCertificates } from '../../../master/public-certificates.js';
import { aCertificate } from '../../support/a-certificate.js';
import { aService, aSpec } from '../../support/a-model.js';
import { aStore } from '../../support/a-store.js';

t.test(
  'a preview is served with the wildcard certificate of its service, and none is ordered for it',
  async (t) => {
    const store = aStore(t);
    const acme = { directory: 'https://ca/dir', email: 'a@b.c' };
    const build = { repo: 'https://git.example.com/a.git' };
    const spec = aSpec({ domain: undefined, domains: ['a.com', '*.a.com'], image: undefined, build });
    const commit = { sha: 'c'.repeat(40), ref: 'refs/heads/x' };
    const mark = {
      of: 'shop/api',
      webhook: 'wh-1',
      repo: 'org/a',
      number: 7,
      commit,
      pushedAtMs: 1,
      ttlMs: 1,
    };
    const preview = { ...spec, name: 'api-pr-7', domains: ['pr-7.a.com'], preview: mark };
    const { cert: certPem, key } = aCertificate(['*.a.com']);
    const record = (notAfterMs: number) => ({
      ...{ name: '*.a.com', directory: acme.directory, order: null, failures: 0, nextAtMs: 0, problem: null },
      certificate: { certPem, sealedKey: key, issuer: 'CA', notBeforeMs: 1, notAfterMs },
    });
    store.write((tx) => {
      tx.putService(aService({ spec }));
      tx.putService(aService({ spec: preview, key: 'shop/api-pr-7', name: 'api-pr-7' }));
      tx.putAcme(record(Date.now() + 1e9));
    });
    const made = createPublicCertificates({
      ...{ home: '/nonexistent', store, states: createStates(store), secret: () => null, served: () => null },
      ...{ authority: { unseal: (sealed: string) => sealed, clusterId: 'c' } as never, log: {} as never },
      ...{ settings: () => ({ acme: acme as never, domain: null }), isCovered: () => false },
      onChange: () => undefined,
    });
    t.match(made.find('pr-7.a.com'), { certPem, keyPem: key });
    t.equal(made.commands.wildcardOf('pr-7.a.com'), '*.a.com');
    t.equal(made.find('www.a.com'), null, 'names that are no preview have their own');
    t.equal(made.commands.wildcardOf('a.com'), null);
    store.write((tx) => tx.putAcme(record(1)));
    t.equal(made.find('pr-7.a.com'), null, 'and so has a preview, once that has expired');
    t.equal(made.commands.wildcardOf('pr-7.a.com'), null);
  },
);
