import t from 'tap';
import {
  type CertificateFacts,
  certificateView,
  unusedView,
} from '../../../../master/http/certificate-view.js';
import type { AcmeRecord } from '../../../../master/store/tables.js';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 10);
const at = (days: number): number => NOW_MS + days * DAY_MS;
const day = (days: number): string => new Date(at(days)).toISOString();

const own = (id: string, days: number) => ({
  ...{ id, names: ['*.example.com'], issuer: 'Somebody CA', by: 'ann', atMs: NOW_MS },
  ...{ notBeforeMs: at(-30), notAfterMs: at(days) },
});
const issued = {
  certPem: '',
  sealedKey: '',
  issuer: "Let's Encrypt",
  notBeforeMs: at(-30),
  notAfterMs: at(60),
};
const record = (more: Partial<AcmeRecord>): AcmeRecord => ({
  ...{ name: 'a.example.com', directory: 'https://ca/dir', certificate: null, order: null },
  ...{ failures: 0, nextAtMs: 0, problem: null },
  ...more,
});
const problem = { atMs: at(0), reason: 'the CA said no', todo: 'mend DNS' };
const view = (more: Partial<CertificateFacts>) =>
  certificateView({
    ...{
      name: 'a.example.com',
      services: ['shop/api'],
      acme: null,
      notPublic: null,
      isOrdered: false,
      isAcmeOff: false,
      own: null,
    },
    ...{ ca: { notBeforeMs: at(-30), notAfterMs: at(60) }, refused: [], withFiles: [], nowMs: NOW_MS },
    ...more,
  });
const fine = { reason: null, todo: null, next_try_at: null, seen_at: null };

t.test("a name without more has one of the cluster's CA, which renews itself", async (t) => {
  t.same(view({}), {
    ...{ name: 'a.example.com', services: ['shop/api'], source: 'orca', from: null, state: 'issued' },
    ...{ issuer: 'Orca cluster CA', expires_at: day(60), renews_at: day(30), ...fine },
  });
  t.match(view({ notPublic: 'it is no public name' }), { state: 'issued', reason: 'it is no public name' });
  t.match(view({ isOrdered: true }), {
    state: 'ordering',
    reason: 'Orca looks whether a CA can be shown that it is yours',
  });
  t.match(view({ ca: null }), { expires_at: '', renews_at: null });
});

t.test('what was ordered once and can be no more is served, and said', async (t) => {
  const notPublic = 'a wildcard needs DNS-01';
  const had = { notPublic, acme: record({ certificate: issued }) };
  t.match(view(had), { source: 'acme', state: 'failing', reason: notPublic, next_try_at: null });
  const tried = { notPublic, acme: record({ problem, nextAtMs: at(1) }) };
  t.match(view(tried), { source: 'orca', state: 'issued', reason: notPublic, next_try_at: null });
});

t.test('how far ACME is', async (t) => {
  const of = (more: Partial<AcmeRecord>) => view({ acme: record(more) });
  t.match(of({ certificate: issued }), {
    ...{ source: 'acme', state: 'issued', issuer: "Let's Encrypt", expires_at: day(60), renews_at: day(30) },
    ...fine,
  });
  t.match(of({ certificate: issued, problem, nextAtMs: at(1) }), {
    ...{ source: 'acme', state: 'failing', reason: 'the CA said no', todo: 'mend DNS', next_try_at: day(1) },
  });
  t.match(of({ problem, nextAtMs: at(1) }), { source: 'orca', state: 'waiting', next_try_at: day(1) });
  t.match(of({ nextAtMs: at(1) }), {
    source: 'orca',
    state: 'waiting',
    next_try_at: day(1),
    reason: /later/,
  });
  const order = { url: 'https://ca/order/1', sealedKey: '' };
  t.match(of({ order }), { source: 'orca', state: 'ordering', ...fine });
  t.match(of({}), { source: 'orca', state: 'ordering' });
  t.match(of({ order, certificate: issued }), { source: 'acme', state: 'ordering' });
  const over = { ...issued, notAfterMs: at(-1) };
  t.match(of({ certificate: over, problem }), { source: 'orca', state: 'waiting' }, 'an expired one is none');
});

t.test('one of the user goes before ACME, and its end is said two weeks before', async (t) => {
  const acme = record({ certificate: issued, problem });
  t.match(view({ acme, own: own('files:shop/api', 90) }), {
    ...{ source: 'own', from: 'files:shop/api', state: 'issued', issuer: 'Somebody CA' },
    ...{ expires_at: day(90), renews_at: null, ...fine },
  });
  t.match(view({ own: own('files:shop/api', 13) }), {
    ...{ state: 'issued', reason: /expires in 13 days, on 2026-01-23/, todo: /files that shop\/api names/ },
  });
  t.match(view({ own: own('upload:*.example.com', 1) }), {
    ...{ reason: /in 1 day,/, todo: /orca certs add '\*\.example\.com' --cert/ },
  });
});

t.test('an expired one of the user is served only when there is none by ACME', async (t) => {
  const over = own('files:shop/api', -1);
  t.match(view({ own: over }), {
    source: 'own',
    state: 'refused',
    reason: /shop\/api expired on 2026-01-09/,
  });
  t.match(view({ own: over, acme: record({ certificate: issued }) }), {
    ...{ source: 'acme', state: 'refused', reason: /expired on 2026-01-09; one of Let's Encrypt is served/ },
  });
});

t.test('files that were refused are said, with what serves instead', async (t) => {
  const refused = [{ service: 'shop/api', reason: 'the key is encrypted', todo: 'decrypt it' }];
  t.match(view({ refused }), {
    ...{ source: 'orca', state: 'refused', todo: 'decrypt it' },
    reason: "the key is encrypted; one of the cluster's own CA is served, which browsers don't trust",
  });
  t.match(view({ refused, own: own('files:shop/api', 30) }), {
    ...{ source: 'own', reason: 'the key is encrypted; the one taken up before stays, until 2026-02-09' },
  });
  t.match(view({ refused, own: own('upload:wild', 30) }), {
    ...{ source: 'own', state: 'refused', reason: /that of orca certs add wild is served/ },
  });
});

t.test('a domain that the files of its service are not for is named', async (t) => {
  t.match(view({ withFiles: ['shop/api'] }), {
    ...{ source: 'orca', state: 'refused', reason: /of shop\/api \(tls_cert\) is not for a\.example\.com/ },
  });
  t.match(view({ withFiles: ['shop/api'], own: own('files:shop/api', 30) }), { state: 'issued', ...fine });
  const acme = record({ certificate: issued });
  t.match(view({ withFiles: ['shop/api'], acme }), { source: 'acme', state: 'issued', ...fine });
});

t.test('an upload that serves nothing is shown with that', async (t) => {
  t.match(unusedView(own('upload:wild', 30), NOW_MS), {
    ...{ name: 'wild', services: [], source: 'own', state: 'issued', reason: /nothing is served under/ },
  });
  t.match(unusedView(own('upload:wild', -1), NOW_MS), { state: 'refused', reason: /expired/ });
});

t.test('without ACME nothing waits, and what was issued lasts to its end', async (t) => {
  const off = { isAcmeOff: true, isOrdered: false };
  const had = record({ certificate: issued, problem, failures: 1 });
  t.match(view({ ...off, acme: had }), {
    ...{ source: 'acme', state: 'failing', reason: /ACME is off/, todo: /acme_email/ },
    ...{ renews_at: null, next_try_at: null },
  });
  t.match(view({ ...off, acme: record({ problem, failures: 1 }) }), {
    source: 'orca',
    state: 'issued',
    ...fine,
  });
});
