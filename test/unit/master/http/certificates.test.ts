import t from 'tap';
import { FALLBACK_NAME } from '../../../../master/store/tables.js';
import type { StatusReply } from '../../../../shared/api.js';
import type { CertificateView } from '../../../../shared/api-certificates.js';
import { aService } from '../../../support/a-model.js';
import { anApi, withService } from '../../../support/an-api.js';

const own = {
  ...{ id: 'upload:*.example.com', names: ['*.example.com'], issuer: 'Somebody CA', by: 'ann', atMs: 0 },
  ...{ notBeforeMs: 0, notAfterMs: Date.UTC(2_100, 0, 1) },
};
const anAcmeRecord = (name: string) => ({
  ...{ name, directory: 'https://ca/dir', order: null, failures: 1, nextAtMs: Date.UTC(2_100, 0, 1) },
  ...{ certificate: null, problem: { atMs: 0, reason: 'refused', todo: null } },
});
const site = (name: string) => ({
  ...{ name, certPem: 'PEM', sealedKey: 'SEALED', notBeforeMs: 0, notAfterMs: Date.UTC(2_099, 0, 1) },
});

t.test('every name is shown once, with its services, in /certs, /status and /metrics', async (t) => {
  const { call, store } = await anApi(t, {
    certificates: {
      own: (name) => (name === 'www.example.com' ? own : null),
      uploads: () => [own, { ...own, id: 'upload:idle' }],
      refusals: () => new Map([['shop/api', { reason: 'the key is encrypted', todo: 'decrypt it' }]]),
    },
  });
  withService(store);
  store.write((tx) => {
    for (const name of ['www.example.com', 'api.example.com', FALLBACK_NAME]) tx.putCertificate(site(name));
  });
  const { certificates } = (await call('GET', '/certs')).json as { certificates: CertificateView[] };
  t.match(certificates, [
    { name: 'api.example.com', services: ['shop/api'], source: 'orca', state: 'refused', todo: 'decrypt it' },
    { name: 'www.example.com', services: [], source: 'own', from: own.id, state: 'issued' },
    { name: 'idle', services: [], source: 'own' },
  ]);
  t.equal(certificates.length, 3);
  const status = (await call('GET', '/status', undefined, 'look')).json as StatusReply;
  t.same(status.certificates, certificates);
  t.notMatch(JSON.stringify(status), /SEALED|PEM/);
  const metrics = (await call('GET', '/metrics')).body;
  t.match(
    metrics,
    `orca_certificate_expires_seconds{name="www.example.com",source="own"} ${own.notAfterMs / 1_000}`,
  );
  t.match(metrics, 'orca_certificate_ok{name="www.example.com",source="own"} 1');
  t.match(metrics, 'orca_certificate_ok{name="api.example.com",source="orca"} 0');
});

t.test('of a name that is served without TLS, or no more, nothing is said', async (t) => {
  const { call, store } = await anApi(t);
  const served = aService({}, { http_only: true });
  store.write((tx) => {
    tx.putService(served);
    for (const name of ['api.example.com', 'gone.example.com']) tx.putAcme(anAcmeRecord(name));
  });
  t.same((await call('GET', '/certs')).json, { certificates: [] });
  t.notMatch((await call('GET', '/metrics')).body, /orca_certificate_ok\{/);
});

t.test('the root of the cluster is for whoever may read', async (t) => {
  const { call } = await anApi(t);
  const { json } = await call('GET', '/certs/ca', undefined, 'look');
  t.match(json, { ca: /^-----BEGIN CERTIFICATE-----/ });
  t.equal((await call('GET', '/certs/ca', undefined, '')).status, 401);
});

t.test('certificates are added and removed by who may change things', async (t) => {
  const asked: unknown[] = [];
  const { call } = await anApi(t, {
    certificates: {
      add: (...args) => {
        asked.push(args);
        return own;
      },
      remove: (...args) => void asked.push(args),
    },
  });
  const pair = { cert: 'C', key: 'K' };
  const added = await call('PUT', '/certs/*.example.com', pair, 'push');
  t.equal(added.status, 200);
  t.match(added.json, { name: '*.example.com', names: ['*.example.com'], issuer: 'Somebody CA' });
  t.match(await call('DELETE', '/certs/%2A.example.com'), { status: 200, json: { ok: /is removed/ } });
  t.same(asked, [
    [{ name: '*.example.com', ...pair }, 'hands'],
    ['*.example.com', 'admin'],
  ]);
  t.equal((await call('PUT', '/certs/a', pair, 'look')).status, 403);
  t.equal((await call('DELETE', '/certs/a', undefined, 'look')).status, 403);
  t.match(await call('PUT', '/certs/a', { cert: 'C' }), { status: 400, json: { code: 'BODY_INVALID' } });
  t.match(await call('PUT', '/certs/a', { cert: 'C', key: 'K'.repeat(70_000) }), { status: 400 });
  t.equal(asked.length, 2);
});

t.test('a name is tried again by who may change things', async (t) => {
  const asked: string[][] = [];
  const { call } = await anApi(t, {
    certificates: {
      retry: (name, by) => {
        asked.push([name, by]);
        return `${name} is tried now`;
      },
    },
  });
  t.match(await call('POST', '/certs/a.example.com/retry', {}, 'push'), {
    ...{ status: 200, json: { ok: 'a.example.com is tried now' } },
  });
  t.equal((await call('POST', '/certs/a.example.com/retry', {}, 'look')).status, 403);
  t.same(asked, [['a.example.com', 'hands']]);
});

t.test('a deploy or plan with files that are bad is refused with the reason', async (t) => {
  const { call, asked } = await anApi(t, {
    certificates: {
      problemOf: ({ tls }) =>
        tls ? { reason: 'tls_key /certs/a.key is a directory', todo: 'name a file' } : null,
    },
  });
  const api = { name: 'api', image: 'app:1', port: 8_080, domain: 'a.example.com' };
  const body = { services: [{ ...api, tls_cert: 'a.pem', tls_key: 'a.key' }] };
  t.match(await call('POST', '/deploy', body), {
    ...{ status: 400, json: { code: 'CONFIG_INVALID', error: 'api: tls_key /certs/a.key is a directory' } },
  });
  t.same(asked, []);
  const plan = await call('POST', '/plan', body);
  t.match(plan.json, { services: [{ action: 'refused', code: 'CONFIG_INVALID', hint: /name a file/ }] });
  t.equal((await call('POST', '/deploy', { services: [api] })).status, 200);
});
