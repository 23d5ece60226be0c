/** Tokens through the API: made, followed with, guessed; and who is told to have done what. */
import t from 'tap';
import type { AuditReply } from '../../../../shared/api-audit.js';
import type { TokenCreated, TokensReply } from '../../../../shared/api-tokens.js';
import { anApi } from '../../../support/an-api.js';
import { services, twoProjects } from '../../../support/two-projects.js';
import { waitFor } from '../../../support/wait-for.js';

t.test('an admin makes, lists, rotates and revokes tokens; the text is in one answer alone', async (t) => {
  const { call } = await anApi(t);
  const made = await call('POST', '/tokens', { name: 'ci', role: 'viewer', projects: null, ttl_secs: 3_600 });
  const { token } = made.json as TokenCreated;
  t.match(made, {
    status: 201,
    json: {
      name: 'ci',
      role: 'viewer',
      projects: null,
      state: 'usable',
      created_by: 'admin',
      ca_fingerprint: /^[0-9a-f]{64}$/,
    },
  });
  t.match(await call('GET', '/tokens/self', undefined, token), {
    json: { name: 'ci', role: 'viewer', cluster_name: 'c', expires_at: /^2/ },
  });
  const listed = await call('GET', '/tokens');
  t.match(
    (listed.json as TokensReply).tokens.find(({ name }) => name === 'ci'),
    { last_used: { from: '127.0.0.1' } },
  );
  t.notMatch(listed.body, token.slice(17, 50));
  const rotated = (await call('POST', '/tokens/ci/rotate', { overlap_secs: 60 })).json as TokenCreated;
  t.ok(rotated.previous_until);
  t.equal((await call('GET', '/status', undefined, token)).status, 200);
  t.match(await call('DELETE', '/tokens/ci'), { status: 200, json: { ok: 'the token ci is revoked' } });
  for (const text of [token, rotated.token])
    t.match(await call('GET', '/status', undefined, text), {
      status: 401,
      json: { code: 'NOT_AUTHENTICATED' },
    });
  for (const body of [
    { name: '-', role: 'viewer' },
    { name: 'x', role: 'root' },
    { name: 'x', role: 'viewer', projects: [] },
    { name: 'x', role: 'viewer', ttl: 1 },
  ])
    t.match(await call('POST', '/tokens', body), { status: 400 });
});

t.test('what follows with a token ends when it is revoked', async (t) => {
  const { app, access } = await anApi(t);
  const { text } = access.tokens.create({ name: 'reader', role: 'viewer' }, 'admin');
  const following = app.inject({
    url: '/api/v1/events?follow=true',
    headers: { authorization: `Bearer ${text}` },
  });
  let hasEnded = false;
  following.then(() => {
    hasEnded = true;
  });
  await waitFor('the use to be noted', async () =>
    access.tokens.list().some(({ name, lastUse }) => name === 'reader' && lastUse),
  );
  // One round through the server, so that it follows.
  await app.inject({ url: '/api/v1/health' });
  t.notOk(hasEnded);
  access.tokens.revoke('reader', 'admin');
  const { statusCode, body } = await following;
  t.equal(statusCode, 200);
  t.match(body, /token.made/);
});

t.test('guessing is slowed with the time to wait, and right tokens go on working', async (t) => {
  const { app, call, store, access } = await anApi(t);
  const { text } = access.tokens.create({ name: 'ci', role: 'viewer' }, 'admin');
  t.equal((await call('GET', '/status', undefined, 'look')).status, 200);
  const statuses = [];
  for (let at = 0; at < 12; at += 1)
    statuses.push((await call('GET', '/status', undefined, `guess${at}`)).status);
  t.same(statuses, [...Array<number>(9).fill(401), 429, 429, 429]);
  const waiting = await app.inject({ url: '/api/v1/status', headers: { authorization: 'Bearer guess' } });
  t.ok(Number(waiting.headers['retry-after']) >= 50);
  t.match(waiting.json(), { code: 'TOO_MANY_REQUESTS', hint: /Wait \d+ s/ });
  t.equal((await call('GET', '/status', undefined, text)).status, 200, 'one that was made');
  t.equal(
    (await call('GET', '/status', undefined, 'look')).status,
    200,
    'one of cluster.toml that was right from there before',
  );
  t.equal((await call('GET', '/health', undefined, '')).status, 200);
  t.equal(store.events(50).filter(({ kind }) => kind === 'auth.slowed').length, 1);
  t.match((await call('GET', '/tokens', undefined, text)).status, 403);
  const { guessing } =
    access.tokens.list() &&
    ((await call('GET', '/tokens', undefined, access.tokens.create({ name: 'a', role: 'admin' }, 'x').text))
      .json as TokensReply);
  t.match(guessing, { slowed: [{ from: '127.0.0.1', failures: 10 }] });
  const metrics = await call('GET', '/metrics', undefined, text);
  t.match(
    metrics.body,
    /orca_auth_failures_total 13\n[\s\S]*orca_auth_slowed_total 4\n[\s\S]*orca_auth_slowed_sources 1\n/,
  );
});

t.test('who did what is told, with refusals, and never with what was sent', async (t) => {
  const { call, shop, access } = await twoProjects(t);
  await call('POST', '/secrets/k?project=shop', { value: 'hush-hush' }, shop);
  await call('POST', '/secrets/k?project=shop', { value: 4_711 }, shop);
  await call('POST', '/services/only/stop', {}, shop);
  await call('POST', '/services/api/scale?project=shop', { replicas: 'many' }, shop);
  await call('GET', '/status', undefined, 'wrong-token');
  await call('GET', '/backup', undefined, shop);
  await call('GET', '/status', undefined, shop);
  await call('POST', '/plan', { services: services('shop') }, shop);
  await call('GET', '/backup');
  await waitFor(
    'all to be told',
    async () => (await access.audit.read({ since: null, by: null, limit: 50 })).length >= 8,
  );
  const { entries } = (await call('GET', '/audit')).json as AuditReply;
  t.same(
    entries
      .filter(({ kind }) => kind !== 'master')
      .map(({ by, action, path, result, code }) => [by, action, path, result, code]),
    [
      ['deployer1', 'POST /secrets/:key', '/secrets/k?project=shop', 'done', null],
      ['deployer1', 'POST /secrets/:key', '/secrets/…?project=shop', 'refused', 'BODY_INVALID'],
      ['deployer1', 'POST /services/:name/stop', '/services/only/stop', 'refused', 'NOT_ALLOWED'],
      [
        'deployer1',
        'POST /services/:name/scale',
        '/services/api/scale?project=shop',
        'refused',
        'BODY_INVALID',
      ],
      ['nobody', 'any', null, 'refused', 'NOT_AUTHENTICATED'],
      ['deployer1', 'GET /backup', '/backup', 'refused', 'NOT_ALLOWED'],
      ['admin', 'GET /backup', '/backup', 'done', null],
    ],
  );
  t.match(
    entries.find(({ action }) => action === 'POST /secrets/:key'),
    { from: '127.0.0.1', via: 'api', text: 'secret k of shop: set by deployer1' },
  );
  // A hash may hold any four digits.
  const said = entries.map(({ hash, previous, ...rest }) => rest);
  t.notMatch(JSON.stringify(said), /hush|wrong-token|4_?711/);
  t.match(await call('GET', '/audit/verify'), { json: { ok: true, broken: null } });
  t.match((await call('GET', '/audit?by=nobody')).json, { entries: [{ code: 'NOT_AUTHENTICATED' }] });
  const head = ((await call('GET', '/audit/verify')).json as { head: { number: number; hash: string } }).head;
  t.match(await call('GET', `/audit/verify?head=${head.number}:${'0'.repeat(64)}`), {
    json: { ok: false, broken: { number: head.number } },
  });
  t.match(await call('GET', '/audit/verify?head=x'), { status: 400 });
});
