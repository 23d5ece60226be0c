import t from 'tap';
import type { Certificate, Ingress } from '../../../proxy-config/route.js';
import { connectionPolicies, loadedCertificates } from '../../../proxy-config/tls.js';

const certificate = (pem: string, ...names: string[]): Certificate => ({
  names,
  certPem: pem,
  keyPem: `key of ${pem}`,
});
const ingress = (...certificates: Certificate[]): Ingress => ({
  ...{ httpPort: 80, httpsPort: 443, caddy: 'auto', routes: [], certificates },
  fallbackCertificate: certificate('none'),
});
interface Policy {
  match?: { sni: string[] };
  certificate_selection: { any_tag: string[] };
}
interface Loaded {
  certificate: string;
  tags: string[];
}

t.test('each name is shown the certificate that it has, whatever else is valid for it', async (t) => {
  const own = certificate('own', 'b.test');
  const wide = certificate('wide', 'A.test');
  for (const given of [
    ingress(own, wide, { ...own, names: ['c.test'] }),
    ingress(wide, { ...own, names: ['c.test', 'b.test'] }),
  ]) {
    const policies = connectionPolicies(given) as Policy[];
    const loaded = loadedCertificates(given) as Loaded[];
    t.equal(loaded.length, 3, 'each once');
    const shown = (name: string): string | undefined => {
      const policy = policies.find(({ match }) => match === undefined || match.sni.includes(name));
      return loaded.find(({ tags }) => tags[0] === policy?.certificate_selection.any_tag[0])?.certificate;
    };
    t.same(['a.test', 'b.test', 'c.test', 'd.test'].map(shown), ['wide', 'own', 'own', 'none']);
  }
  t.same(connectionPolicies(ingress(own, wide)), connectionPolicies(ingress(wide, own)), 'in whatever order');
});

t.test('a name that is none is shown nothing', async (t) => {
  t.equal(connectionPolicies(ingress(certificate('own', 'no name'))).length, 1);
});
