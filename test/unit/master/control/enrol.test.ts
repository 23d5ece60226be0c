import { createPrivateKey, X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { openAuthority } from '../../../../master/authority.js';
import { createEnrol } from '../../../../master/control/enrol.js';
import { findNode } from '../../../../master/control/find-node.js';
import { createJoinTokens } from '../../../../master/control/join-tokens.js';
import type { JoinRequest } from '../../../../shared/api-join.js';
import { makeKey, makeSigningRequest } from '../../../../shared/csr.js';
import type { Peer } from '../../../../shared/model.js';
import { PROTOCOL_VERSION } from '../../../../shared/protocol.js';
import { aStore } from '../../../support/a-store.js';

const csrOf = (key: string): string => makeSigningRequest('any', createPrivateKey(key));

function aMaster(t: Test) {
  const store = aStore(t);
  const authority = openAuthority(t.testdir(), Date.now());
  const tokens = createJoinTokens(store, authority.caFingerprint);
  const enrol = createEnrol(store, authority, () => 'c');
  const token = (uses = 1) => tokens.create({ uses, labels: { zone: 'a' } }, 'admin');
  const join = (text: string, more: Partial<JoinRequest> = {}, peer: Peer | null = null) =>
    enrol.join(
      {
        token: text,
        csr: csrOf(makeKey()),
        name: 'one',
        address: '10.0.0.7',
        protocol: PROTOCOL_VERSION,
        clock: new Date().toISOString(),
        ...more,
      },
      peer,
    );
  return { store, authority, tokens, enrol, token, join };
}

t.test('a host gets an id, and a certificate of 90 days for the key that it made', async (t) => {
  const { store, authority, token, join } = aMaster(t);
  const key = makeKey();
  const reply = join(token().text, { csr: csrOf(key) });
  const certificate = new X509Certificate(reply.certificate);
  t.equal(certificate.subject, `CN=${reply.node_id}`);
  t.ok(certificate.verify(new X509Certificate(authority.caPem).publicKey));
  t.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
  t.ok(days > 89.9 && days <= 90);
  t.match(reply, {
    ca: authority.caPem,
    cluster_id: authority.clusterId,
    cluster_name: 'c',
    rejoined: false,
  });
  t.match(store.identity(reply.node_id), { name: 'one', labels: { zone: 'a' } });
  t.match(store.node(reply.node_id), { facts: { name: 'one', address: '10.0.0.7' }, connectedAtMs: null });
  t.match(store.events(9).at(-1), { kind: 'join-token.used', node: reply.node_id });
});

t.test('whatever is refused uses nothing up and leaves nothing behind', async (t) => {
  const { store, tokens, token, join } = aMaster(t);
  const { text, token: stored } = token();
  const far = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
  const cases: [Partial<JoinRequest>, string, RegExp][] = [
    [{ token: 'x' }, 'JOIN_TOKEN_INVALID', /no join token/],
    [
      { token: text.replace(/^orca-join\.j-......../, 'orca-join.j-00000000') },
      'JOIN_TOKEN_INVALID',
      /not known/,
    ],
    [{ protocol: 99 }, 'PROTOCOL_MISMATCH', /version 99 .* version \d/],
    [{ clock: far(6) }, 'CLOCK_SKEW', /says 2.*Z, the master's 2.*Z: they are [56]m/],
    [{ clock: far(-6) }, 'CLOCK_SKEW', /6m .*apart/],
    [{ csr: 'x' }, 'CSR_INVALID', /PKCS#10/],
  ];
  for (const [more, code, message] of cases) t.throws(() => join(text, more), { code, message });
  t.same([store.nodes(), store.identities(), store.joinToken(stored.id)?.used], [[], [], []]);
  join(text, { clock: far(4) });
  t.throws(() => join(text, { name: 'two' }), { code: 'JOIN_TOKEN_USED' });
  const other = token();
  t.throws(() => join(other.text), { code: 'NODE_NAME_TAKEN', message: /one/ });
  t.equal(store.joinToken(other.token.id)?.used.length, 0);
  tokens.revoke(other.token.id, 'admin');
  t.throws(() => join(other.text, { name: 'two' }), { code: 'JOIN_TOKEN_REVOKED' });
  t.equal(store.nodes().length, 1);
});

t.test('no host is called as another is addressed, nor addressed as another is called', (t) => {
  const { store, token, join } = aMaster(t);
  const { text } = token(9);
  const { node_id } = join(text, { name: 'one', address: '10.0.0.1' });
  for (const more of [
    { name: '10.0.0.1', address: '10.0.0.2' },
    { name: node_id, address: '10.0.0.2' },
    { name: 'two', address: 'one' },
    { name: 'two', address: node_id },
  ])
    t.throws(() => join(text, more), { code: 'NODE_NAME_TAKEN', message: new RegExp(node_id) });
  join(text, { name: 'two', address: '10.0.0.1' });
  t.throws(() => findNode(store, '10.0.0.1'), { code: 'CONFLICT', message: /one .*two|two .*one/ });
  t.equal(findNode(store, 'one').id, node_id);
  t.end();
});

t.test('a host whose answer got lost asks again with its key: the same id, and no further use', async (t) => {
  const { store, token, join } = aMaster(t);
  const { text, token: stored } = token();
  const csr = csrOf(makeKey());
  const first = join(text, { csr });
  const again = join(text, { csr, name: 'renamed' });
  t.equal(again.node_id, first.node_id);
  t.ok(again.rejoined);
  t.equal(store.joinToken(stored.id)?.used.length, 1);
  t.equal(store.node(first.node_id)?.facts.name, 'renamed');
});

t.test(
  'a node keeps its id by its certificate, also an expired one; nobody gets the id of another',
  async (t) => {
    const { store, tokens, token, join } = aMaster(t);
    const { text } = token(5);
    const one = join(text);
    const back = join(text, {}, { node: one.node_id, isExpired: true });
    t.equal(back.node_id, one.node_id);
    join(
      tokens.create({ labels: { role: 'web' } }, 'admin').text,
      {},
      { node: one.node_id, isExpired: false },
    );
    t.same(store.identity(one.node_id)?.labels, { zone: 'a', role: 'web' }, 'labels are added to');
    const other = join(text, { name: 'two' });
    t.not(other.node_id, one.node_id);
    t.throws(() => join(text, { name: 'two' }, { node: one.node_id, isExpired: false }), {
      code: 'NODE_NAME_TAKEN',
    });
    store.write((tx) => tx.deleteNode(one.node_id));
    const anew = join(text, {}, { node: one.node_id, isExpired: false });
    t.not(anew.node_id, one.node_id, 'a node that was removed is a new one');
  },
);

t.test(
  'a renewal is for the node of the connection, while it is known and its certificate lasts',
  async (t) => {
    const { store, enrol, token, join } = aMaster(t);
    const { node_id: node } = join(token().text);
    const csr = csrOf(makeKey());
    const renewed = enrol.renew(csr, { node, isExpired: false });
    t.equal(new X509Certificate(renewed.certificate).subject, `CN=${node}`);
    t.equal(store.identity(node)?.notAfterMs, Date.parse(renewed.expires_at));
    t.throws(() => enrol.renew('x', { node, isExpired: false }), { code: 'CSR_INVALID' });
    for (const peer of [null, { node, isExpired: true }, { node: 'n-other', isExpired: false }])
      t.throws(() => enrol.renew(csr, peer), { code: 'NODE_NOT_ENROLLED', hint: /orca join/ });
    store.write((tx) => tx.deleteNode(node));
    t.throws(() => enrol.renew(csr, { node, isExpired: false }), {
      code: 'NODE_NOT_ENROLLED',
      message: /removed/,
    });
  },
);
