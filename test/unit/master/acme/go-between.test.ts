/** A real ACME client (acme-client) against the CA that issues nothing. */
import { createHash } from 'node:crypto';
import acme from 'acme-client';
import t from 'tap';
import { type GoBetween, startGoBetween } from '../../../../master/acme/go-between.js';
import { newKey } from '../../../../master/control/acme-store.js';

async function aBetween(name: string): Promise<GoBetween> {
  const between = await startGoBetween({ name, token: 'token-of-the-ca' });
  t.teardown(() => between.close());
  return between;
}

t.test('a client is given the token, says when its record is there, and takes it down', async (t) => {
  const accountKey = newKey();
  const between = await aBetween('*.example.com');
  const client = new acme.Client({ directoryUrl: between.directory, accountKey });
  await client.createAccount({ onlyReturnExisting: true });
  const order = await client.createOrder({ identifiers: [{ type: 'dns', value: '*.example.com' }] });
  const [authorization] = await client.getAuthorizations(order);
  t.match(authorization, { identifier: { value: 'example.com' }, wildcard: true, status: 'pending' });
  const [challenge] = authorization?.challenges ?? [];
  if (!authorization || !challenge) throw new Error('no challenge');
  const thumbprint = createHash('sha256')
    .update(JSON.stringify(acme.crypto.getJwk(accountKey)))
    .digest('base64url');
  t.equal(
    await client.getChallengeKeyAuthorization(challenge),
    createHash('sha256').update(`token-of-the-ca.${thumbprint}`).digest('base64url'),
    'what the real CA looks for',
  );
  let isShown = false;
  between.shown.then(() => {
    isShown = true;
  });
  t.notOk(isShown);
  await client.completeChallenge(challenge);
  await between.shown;
  t.equal((await client.getAuthorizations(order))[0]?.status, 'pending', 'until the real CA has looked');
  between.release();
  t.equal((await client.waitForValidStatus(authorization)).status, 'valid');
  const [, csr] = await acme.crypto.createCsr({ altNames: ['*.example.com'] });
  await t.rejects(client.finalizeOrder(order, csr), /record that was wanted/);
  await between.over;
});

t.test('who does not know its address gets nothing, and nonsense ends nothing', async (t) => {
  const between = await aBetween('a.example.com');
  const { origin } = new URL(between.directory);
  for (const path of ['/', '/directory', '/authorization', '/x/challenge'])
    t.equal((await fetch(origin + path, { method: 'POST', body: '{}' })).status, 404, path);
  const at = (path: string) => between.directory.replace(/directory$/, path);
  for (const body of ['nonsense', 'x'.repeat(70_000), '{"payload":"bm9uc2Vuc2U"}', 'null'])
    t.equal((await fetch(at('authorization'), { method: 'POST', body })).status, 400);
  const gone = Buffer.from('{"status":"deactivated"}').toString('base64url');
  const answer = await fetch(at('authorization'), {
    method: 'POST',
    body: JSON.stringify({ payload: gone }),
  });
  t.match(await answer.json(), { status: 'deactivated', identifier: { value: 'a.example.com' } });
  t.equal((await fetch(at('constructor'))).status, 404);
  const nothing = await fetch(at('authorization'), { method: 'POST', body: '{"payload":"bnVsbA"}' });
  t.equal(nothing.status, 200);
  t.equal((await fetch(at('nonce'), { method: 'HEAD' })).headers.has('replay-nonce'), true);
});
