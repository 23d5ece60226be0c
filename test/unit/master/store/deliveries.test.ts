import t from 'tap';
import { KEPT_DELIVERIES } from '../../../../master/store/put-delivery.js';
import { digestMark, remoteMark } from '../../../../master/store/tables.js';
import { aStore } from '../../../support/a-store.js';
import { aDelivery, aWebhook } from '../../../support/a-webhook.js';

const numbered = (at: number) => `d-${String(at).padStart(6, '0')}`;

t.test('of each webhook the newest deliveries are kept, and all that are open', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putDelivery(aDelivery({ id: numbered(0), remoteId: 'kept' }));
    tx.putDelivery(aDelivery({ id: numbered(1), remoteId: 'old', state: 'skipped', digest: 'e'.repeat(64) }));
    for (let at = 2; at < KEPT_DELIVERIES + 5; at += 1)
      tx.putDelivery(aDelivery({ id: numbered(at), state: 'skipped', digest: `${at}` }));
    tx.trimDeliveries('wh-1');
    tx.putDelivery(aDelivery({ id: numbered(1_000), webhook: 'wh-2' }));
  });
  t.equal(store.deliveries('wh-1', 1_000).length, KEPT_DELIVERIES + 1, 'beside those that are open');
  t.ok(store.delivery(numbered(0)), 'it is open');
  t.equal(store.delivery(numbered(2)), undefined);
  t.equal(store.markedDelivery(remoteMark('wh-1', 'old')), undefined, 'no mark leads nowhere');
  t.equal(store.markedDelivery(remoteMark('wh-1', 'kept')), numbered(0));
  t.equal(store.deliveries('wh-2', 10).length, 1);
});

t.test('a service that goes takes its webhooks along, and no other', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putWebhook(aWebhook());
    tx.putDelivery(aDelivery({ id: numbered(1) }));
    tx.putWebhook(aWebhook({ id: 'wh-2', service: 'shop/other' }));
    tx.deleteService('shop/api');
  });
  t.same(
    store.webhooks().map(({ id }) => id),
    ['wh-2'],
  );
  t.equal(store.delivery(numbered(1)), undefined);
  t.same(store.openDeliveries(), []);
});

t.test('who waits is known by service, until it has ended', async (t) => {
  const store = aStore(t);
  const heard: string[] = [];
  store.watch(({ deliveries }) => heard.push(...deliveries));
  store.write((tx) => {
    tx.putDelivery(aDelivery({ id: 'd-2' }));
    tx.putDelivery(aDelivery({ id: 'd-1' }));
    tx.putDelivery(aDelivery({ id: 'd-3', service: 'shop/api2' }));
  });
  t.same(heard, ['shop/api', 'shop/api2']);
  t.same(
    store.openDeliveries('shop/api').map(({ id }) => id),
    ['d-1', 'd-2'],
  );
  store.write((tx) => tx.putDelivery(aDelivery({ id: 'd-1', state: 'deployed', endedAtMs: 5 })));
  t.same(new Set(store.openDeliveries().map(({ id }) => id)), new Set(['d-2', 'd-3']));
});

t.test('a webhook goes with all that it left', async (t) => {
  const store = aStore(t);
  store.write((tx) => {
    tx.putWebhook(aWebhook());
    tx.putDelivery(aDelivery({ remoteId: 'x' }));
    tx.deleteWebhook('wh-1');
  });
  t.equal(store.webhook('wh-1'), undefined);
  t.same(store.deliveries('wh-1', 10), []);
  t.same(store.openDeliveries(), []);
  t.equal(store.delivery('d-1'), undefined);
  t.equal(store.markedDelivery(digestMark('wh-1', 'd'.repeat(64))), undefined);
});
