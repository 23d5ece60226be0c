import t, { type Test } from 'tap';
import { createJoinTokens, liveToken, takeUse } from '../../../../master/control/join-tokens.js';
import { parseJoinToken } from '../../../../shared/join-token.js';
import { aStore } from '../../../support/a-store.js';

const ca = 'c'.repeat(64);
const HOUR_MS = 3_600_000;

function some(t: Test) {
  const store = aStore(t);
  return { store, tokens: createJoinTokens(store, ca) };
}

t.test(
  'a token has a secret of 32 bytes and the CA; the store and the events have neither secret',
  async (t) => {
    const { store, tokens } = some(t);
    const { token, text } = tokens.create({ labels: { zone: 'a' } }, 'admin');
    const parts = parseJoinToken(text);
    t.match(parts, { id: token.id, caFingerprint: ca });
    t.equal(Buffer.from(parts.secret, 'base64url').length, 32);
    t.match(token, { uses: 1, labels: { zone: 'a' }, createdBy: 'admin', used: [] });
    t.equal(token.expiresAtMs - token.createdAtMs, HOUR_MS);
    const kept = JSON.stringify([store.joinTokens(), store.events(10)]);
    t.notMatch(kept, parts.secret);
    t.match(store.events(1), [{ kind: 'join-token.created', message: new RegExp(token.id) }]);
  },
);

t.test('a wrong secret is refused as an unknown id is; expired and revoked say so', async (t) => {
  const { store, tokens } = some(t);
  const { token, text } = tokens.create({ ttl_secs: 60 }, 'admin');
  const parts = parseJoinToken(text);
  const nowMs = token.createdAtMs;
  t.equal(liveToken(store, parts, nowMs).id, token.id);
  const words = ['JOIN_TOKEN_INVALID', 'the join token is not known here'];
  const [code, message] = words;
  t.throws(() => liveToken(store, { ...parts, secret: 'x'.repeat(43) }, nowMs), { code, message });
  t.throws(() => liveToken(store, { ...parts, id: 'j-00000000' }, nowMs), { code, message });
  t.throws(() => liveToken(store, { ...parts, id: 'j-00000000', secret: '' }, nowMs), { code, message });
  t.throws(() => liveToken(store, parts, nowMs + 60_000), {
    code: 'JOIN_TOKEN_EXPIRED',
    message: /expired at 2/,
  });
  tokens.revoke(token.id, 'ann');
  tokens.revoke(token.id, 'ann');
  t.throws(() => liveToken(store, parts, nowMs), { code: 'JOIN_TOKEN_REVOKED' });
  t.equal(store.events(9).filter((e) => e.kind === 'join-token.revoked').length, 1);
  t.throws(() => tokens.revoke('j-none', 'ann'), { code: 'NOT_FOUND', hint: /join-token list/ });
});

t.test('uses are counted, and none beyond the last', async (t) => {
  const { store, tokens } = some(t);
  const { token } = tokens.create({ uses: 2 }, 'admin');
  const use = (node: string) =>
    store.write((tx) => takeUse(tx, tx.joinToken(token.id) ?? token, { node, key: 'k', atMs: 1 }));
  use('n-1');
  use('n-2');
  t.throws(() => use('n-3'), { code: 'JOIN_TOKEN_USED', message: /2 uses/ });
  t.same(
    store.joinToken(token.id)?.used.map(({ node }) => node),
    ['n-1', 'n-2'],
  );
  t.match(store.events(1), [{ kind: 'join-token.used', node: 'n-2' }]);
});

t.test('what is over for a week is forgotten when another is made', async (t) => {
  const { store, tokens } = some(t);
  const { token } = tokens.create({}, 'admin');
  store.write((tx) => tx.putJoinToken({ ...token, expiresAtMs: Date.now() - 8 * 24 * HOUR_MS }));
  const { token: next } = tokens.create({}, 'admin');
  t.same(
    store.joinTokens().map(({ id }) => id),
    [next.id],
  );
});

t.test('a whole text revokes the token of its id', async (t) => {
  const store = aStore(t);
  const tokens = createJoinTokens(store, 'f'.repeat(64));
  const { token, text } = tokens.create({} as never, 'ann');
  tokens.revoke(text, 'ann');
  t.ok(store.joinToken(token.id)?.revokedAtMs);
  t.notMatch(JSON.stringify(store.events(9)), text, 'and is repeated nowhere');
  t.throws(() => tokens.revoke('orca-join.x', 'ann'), { code: 'JOIN_TOKEN_INVALID' });
});
