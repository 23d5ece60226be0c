/** Joining a whole master over real HTTPS: each refusal with its code, and who a host is by what it can prove. */
import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { openAuthority } from '../../master/authority.js';
import { makeKey } from '../../shared/csr.js';
import { askAsHost, csrOf, joinBody, joined, tokenOf } from '../support/a-host.js';
import { testMaster } from '../support/test-master.js';

const DAY_MS = 86_400_000;

t.test('every refusal of a join has its code, and uses nothing up', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const token = await tokenOf(m);
  const key = makeKey();
  const ask = (more: object) => askAsHost(m, '/join', joinBody(token, key, more));
  const refused = async (more: object, status: number, code: string, error: RegExp): Promise<void> => {
    t.match(await ask(more), { status, json: { code, error, hint: /\.$/ } }, code);
  };
  const far = new Date(Date.now() - 10 * 60_000).toISOString();
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: pkcs8,
    publicKeyEncoding: spki,
  });
  await refused({ token: token.slice(0, 20) }, 401, 'JOIN_TOKEN_INVALID', /no join token/);
  await refused({ token: otherSecret(token) }, 401, 'JOIN_TOKEN_INVALID', /not known/);
  await refused({ protocol: 1 }, 409, 'PROTOCOL_MISMATCH', /version 1 of the protocol/);
  await refused({ clock: far }, 409, 'CLOCK_SKEW', /Z, the master's \d.*Z/);
  await refused({ csr: csrOf(rsa.privateKey) }, 400, 'CSR_INVALID', /P-256|ECDSA/);
  await refused({ name: 'no spaces' }, 400, 'BODY_INVALID', /name/);
  const brief = await tokenOf(m, { ttl_secs: 1 });
  const ended = await tokenOf(m);
  await m.api('DELETE', `/join-tokens/${ended.split('.')[1]}`);
  await refused({ token: ended }, 403, 'JOIN_TOKEN_REVOKED', /revoked at/);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  await refused({ token: brief }, 403, 'JOIN_TOKEN_EXPIRED', /expired at/);
  t.same(((await m.api('GET', '/cluster/info')).json as { nodes: unknown[] }).nodes, []);

  t.match(await ask({}), { status: 200, json: { node_id: /^n-/, rejoined: false } }, 'it was not used up');
  t.match(await ask({}), { status: 200, json: { rejoined: true } }, 'with its key it may ask again');
  const other = joinBody(token, makeKey(), { name: 'worker-2' });
  t.match(await askAsHost(m, '/join', other), { status: 403, json: { code: 'JOIN_TOKEN_USED' } });
  const twin = joinBody(await tokenOf(m), makeKey());
  t.match(await askAsHost(m, '/join', twin), { status: 409, json: { code: 'NODE_NAME_TAKEN' } });
  const all = JSON.stringify([
    (await m.api('GET', '/events')).json,
    (await m.api('GET', '/join-tokens')).json,
  ]);
  t.notMatch(all, token.split('.')[2] ?? '?', 'the secret is nowhere');
});

t.test('a host with a certificate of this cluster stays who it is, also when it has expired', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const authority = openAuthority(m.home, Date.now());
  const one = await joined(m);
  const id = one.reply.node_id;
  t.equal((await joined(m, {}, one)).reply.node_id, id);
  const old = authority.issueNode(id, Date.now() - 100 * DAY_MS);
  t.equal((await joined(m, {}, { key: old.keyPem, cert: old.certPem })).reply.node_id, id);

  const site = authority.issueServer([id], Date.now());
  const foreign = openAuthority(t.testdir(), Date.now()).issueNode(id, Date.now());
  let n = 0;
  for (const { keyPem, certPem } of [site, foreign]) {
    const other = await joined(m, { name: `other-${++n}` }, { key: keyPem, cert: certPem });
    t.not(other.reply.node_id, id, 'neither a certificate of a site nor one of another CA is that node');
  }
});

t.test('a node renews its certificate with the one that it has, and nobody else does', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  const authority = openAuthority(m.home, Date.now());
  const one = await joined(m);
  const key = makeKey();
  const renew = (by?: { key: string; cert: string }) => askAsHost(m, '/nodes/renew', { csr: csrOf(key) }, by);
  const renewed = await renew(one);
  t.match(renewed, { status: 200, json: { node_id: one.reply.node_id } });
  t.match(await renew({ key, cert: renewed.json.certificate }), { status: 200 }, 'the new one is good');
  const refused = { status: 403, json: { code: 'NODE_NOT_ENROLLED', hint: /orca join/ } };
  t.match(await renew(), refused);
  const old = authority.issueNode(one.reply.node_id, Date.now() - 100 * DAY_MS);
  t.match(await renew({ key: old.keyPem, cert: old.certPem }), { ...refused, json: { error: /expired/ } });
  const never = authority.issueNode('n-never', Date.now());
  t.match(await renew({ key: never.keyPem, cert: never.certPem }), {
    ...refused,
    json: { error: /not known/ },
  });
});

t.test('what needs no token is small, and may not be asked without end', async (t) => {
  const m = await testMaster();
  t.teardown(() => m.stop());
  t.match(await askAsHost(m, '/join', { token: 'x'.repeat(40_000) }), { status: 413 });
  const body = joinBody('x', makeKey());
  let answer = await askAsHost(m, '/join', body);
  for (let n = 0; n < 60; n++) answer = await askAsHost(m, '/join', body);
  t.match(answer, { status: 429, json: { code: 'TOO_MANY_REQUESTS' } });
  t.equal((await m.api('GET', '/status')).status, 200, 'nobody else is held up');
});

const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const spki = { type: 'spki', format: 'pem' } as const;

const otherSecret = (token: string): string =>
  token
    .split('.')
    .map((part, at) => (at === 2 ? 'x'.repeat(43) : part))
    .join('.');
