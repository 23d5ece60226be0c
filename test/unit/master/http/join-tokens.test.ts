import t from 'tap';
import { parseJoinToken } from '../../../../shared/join-token.js';
import { anApi } from '../../../support/an-api.js';

t.test('a token is shown once, listed without its secret, and revoked', async (t) => {
  const { call, store } = await anApi(t);
  const made = await call('POST', '/join-tokens', { ttl_secs: 600, uses: 2, labels: { zone: 'a' } });
  t.match(made, { status: 201, json: { state: 'usable', uses: 2, uses_left: 2, created_by: 'admin' } });
  const { id, secret } = parseJoinToken(made.json.token);
  const listed = await call('GET', '/join-tokens');
  t.match(listed.json, { tokens: [{ id, state: 'usable', labels: { zone: 'a' }, nodes: [] }] });
  t.notMatch(listed.body, secret);
  t.notMatch(listed.body, store.joinToken(id)?.secretHash ?? '?');
  t.notMatch((await call('GET', '/events')).body, secret);
  t.match(await call('DELETE', `/join-tokens/${id}`), { status: 200, json: { ok: /revoked/ } });
  t.match((await call('GET', '/join-tokens')).json, { tokens: [{ id, state: 'revoked' }] });
  t.match(await call('DELETE', '/join-tokens/j-none'), { status: 404, json: { code: 'NOT_FOUND' } });
});

t.test('only admins see and make them', async (t) => {
  const { call, store } = await anApi(t);
  for (const token of ['push', 'look']) {
    t.match(await call('POST', '/join-tokens', {}, token), { status: 403, json: { code: 'NOT_ALLOWED' } });
    t.equal((await call('GET', '/join-tokens', undefined, token)).status, 403);
    t.equal((await call('DELETE', '/join-tokens/x', undefined, token)).status, 403);
  }
  t.equal((await call('POST', '/join-tokens', {}, '')).status, 401);
  t.same(store.joinTokens(), []);
});

t.test('bad lifetimes, uses and labels are refused; the document has the paths', async (t) => {
  const { call, store } = await anApi(t);
  for (const body of [
    { ttl_secs: 0 },
    { ttl_secs: 1e9 },
    { uses: 0 },
    { uses: 1.5 },
    { labels: { '': 'x' } },
  ])
    t.match(await call('POST', '/join-tokens', body), { status: 400, json: { code: 'BODY_INVALID' } });
  t.same(store.joinTokens(), []);
  const { paths } = (await call('GET', '/openapi.json')).json;
  t.ok(paths['/join-tokens'].post && paths['/join-tokens'].get && paths['/join-tokens/{id}'].delete);
  t.same(paths['/health'].get.security, []);
  t.notOk(paths['/join-tokens'].post.security);
});
