import t from 'tap';
import { credentialsIn, revokeCredentials } from '../../../../master/backup/credentials.js';
import type { Token } from '../../../../master/store/tables.js';
import { aStore } from '../../../support/a-store.js';
import { aWebhook } from '../../../support/a-webhook.js';

const token = (name: string, more: Partial<Token> = {}): Token => ({
  ...{ name, id: '0123456789', hash: name, role: 'deployer', projects: null, createdBy: 'admin' },
  ...{ createdAtMs: 1_000, ttlMs: null, revokedAtMs: null, previous: null },
  ...more,
});

t.test('a restore names what lets somebody in again, and revokes all that it can', async (t) => {
  const store = aStore(t);
  const join = { secretHash: 'x', labels: {}, uses: 1, createdBy: 'admin', createdAtMs: 1, used: [] };
  store.write((tx) => {
    tx.putToken(token('admin', { role: 'admin' }));
    tx.putToken(token('ci', { previous: { hash: 'old', untilMs: 9_000 } }));
    tx.putToken(token('over', { ttlMs: 500 }));
    tx.putToken(token('gone', { revokedAtMs: 1_500 }));
    tx.putJoinToken({ ...join, id: 'j-1', expiresAtMs: 9_000, revokedAtMs: null });
    tx.putJoinToken({ ...join, id: 'j-2', expiresAtMs: 1_500, revokedAtMs: null });
    tx.putWebhook(aWebhook());
  });
  const webhooks = ['wh-1 of shop/api'];
  const found = store.write((tx) => credentialsIn(tx, 2_000));
  t.same(found, { tokens: ['ci'], joinTokens: ['j-1'], webhooks });
  store.write((tx) => revokeCredentials(tx, 2_000));
  t.same(
    store.write((tx) => credentialsIn(tx, 2_000)),
    { tokens: [], joinTokens: [], webhooks },
  );
  t.match(store.tokens().find(({ name }) => name === 'ci')?.previous, null);
  t.equal(store.tokens().find(({ name }) => name === 'admin')?.revokedAtMs, null, "the home's own stays");
});
