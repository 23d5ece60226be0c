import t from 'tap';
import type { CaddyTraits } from '../../../proxy-config/caddy-version.js';
import type { Certificate, Ingress } from '../../../proxy-config/route.js';
import {
  certificateChooser,
  certificateManagers,
  certificateTable,
  connectionPolicies,
  loadedCertificates,
} from '../../../proxy-config/tls.js';

const certificate = (pem: string, ...names: string[]): Certificate => ({
  names,
  certPem: `${pem}\n`,
  keyPem: `key of ${pem}`,
});
const stapled = (pem: string, ...names: string[]) => ({ ...certificate(pem, ...names), stapled: true });
const ingress = (...certificates: Certificate[]): Ingress => ({
  ...{ httpPort: 80, httpsPort: 443, caddy: 'auto', routes: [], certificates },
  fallbackCertificate: certificate('none'),
});
const LOADS: CaddyTraits = { keepsBodies: false, servesAccepted: true, keepsStreams: false };
const ASKS: CaddyTraits = { keepsBodies: true, servesAccepted: false, keepsStreams: true };
interface Policy {
  match?: { sni: string[] };
  certificate_selection: { any_tag: string[] };
}
interface Loaded {
  certificate: string;
  tags: string[];
}

/** As Caddy chooses: the first policy that fits; of what is loaded what has its tag, else what is asked for. */
function shownBy(given: Ingress, traits: CaddyTraits): (name: string) => string | undefined {
  const policies = connectionPolicies(given, traits) as Policy[];
  const loaded = loadedCertificates(given, traits) as Loaded[];
  const ask = certificateChooser(JSON.parse(JSON.stringify(certificateTable(given))));
  const fits = (sni: string, name: string) => sni === name || sni === `*${name.slice(name.indexOf('.'))}`;
  return (name) => {
    const policy = policies.find(
      ({ match }) => match === undefined || match.sni.some((sni) => fits(sni, name)),
    );
    const found = loaded.find(({ tags }) => tags.includes(policy?.certificate_selection.any_tag[0] ?? ''));
    return (found?.certificate ?? ask(name)).split('\n')[0];
  };
}

t.test('each name is shown the certificate that it has, whatever else is valid for it', async (t) => {
  const own = certificate('own', 'b.test');
  const wide = certificate('wide', 'A.test');
  for (const given of [
    ingress(own, wide, { ...own, names: ['c.test'] }),
    ingress(wide, { ...own, names: ['c.test', 'b.test'] }),
  ]) {
    t.equal(certificateTable(given).certificates.length, 2, 'each once');
    for (const traits of [LOADS, ASKS]) {
      const shown = ['a.test', 'b.test', 'c.test', 'd.test', '', 'x'].map(shownBy(given, traits));
      t.same(shown, ['wide', 'own', 'own', 'none', 'none', 'none']);
    }
    t.equal(certificateChooser(certificateTable(given))('A.Test').split('\n')[0], 'wide');
  }
  t.same(certificateTable(ingress(own, wide)), certificateTable(ingress(wide, own)), 'in whatever order');
});

t.test(
  'a name has its own certificate before a wildcard over it, whichever of them Caddy loads',
  async (t) => {
    for (const one of [certificate, stapled])
      for (const other of [certificate, stapled])
        for (const given of [
          [one('own', 'a.test'), other('wild', '*.test')],
          [other('wild', '*.test'), one('own', 'a.test')],
        ]) {
          for (const traits of [LOADS, ASKS]) {
            const shown = ['a.test', 'b.test', 'a.b.test', 'test'].map(shownBy(ingress(...given), traits));
            t.same(shown, ['own', 'wild', 'none', 'none']);
          }
        }
  },
);

t.test(
  'where a load costs handshakes, Caddy loads what it has an OCSP answer to staple to, and asks for the rest',
  async (t) => {
    const ports = { srvTcpPort: 1, dnsUdpPort: 1, sorryPort: 2, certificatePort: 3, certificateKey: 'k' };
    t.same(loadedCertificates(ingress(certificate('own', 'a.test')), ASKS), []);
    t.match(loadedCertificates(ingress(stapled('own', 'a.test')), ASKS), [
      { certificate: 'own\n', key: 'key of own' },
    ]);
    t.match(certificateManagers(ports, ASKS).get_certificate, [{ url: 'http://caddy:k@127.0.0.1:3/' }, {}]);
    t.equal(loadedCertificates(ingress(certificate('own', 'a.test')), LOADS).length, 2);
    t.same(certificateManagers(ports, LOADS), {});
  },
);

t.test('chain and key are one PEM, a line apart', async (t) => {
  const { fallback } = certificateTable(ingress());
  t.equal(fallback, 'none\nkey of none');
});

t.test('a name that is none is shown nothing of its own', async (t) => {
  t.same(certificateTable(ingress(certificate('own', 'no name'))).certificates, [
    { names: [], pem: 'own\nkey of own' },
  ]);
});

t.test('who asks for an address sends no name, and is shown what an address has', async (t) => {
  const given = ingress(certificate('own', 'b.test'), certificate('address', '192.0.2.7'));
  for (const traits of [LOADS, ASKS])
    t.same(['', 'b.test', 'x.test'].map(shownBy(given, traits)), ['address', 'own', 'none']);
});
