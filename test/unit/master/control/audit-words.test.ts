import t, { type Test } from 'tap';
import { type AuditAct, createAudit } from '../../../../master/control/audit.js';
import { readAudit } from '../../../../master/control/audit-reader.js';
import { createLogger } from '../../../../master/http/logger.js';
import { OrcaError } from '../../../../shared/errors.js';
import { aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const act: AuditAct = {
  ...{ kind: 'token', by: 'ci', from: '192.0.2.1', via: 'cli' },
  ...{ action: 'POST /services/:name/stop', path: '/services/api/stop' },
};

function aTrail(t: Test) {
  const store = aStore(t);
  const log = createLogger('silent');
  const trail = createAudit({ store, retentionMs: () => 1e9, nowMs: () => 1_000, log });
  t.teardown(() => trail.stop());
  return { trail, store, all: () => readAudit(store, { since: null, by: null, limit: 1_000 }) };
}

t.test('what several writes of one request change is one entry that names all of it', async (t) => {
  const { trail, store, all } = aTrail(t);
  const stop = (name: string) => {
    store.write((tx) => {
      tx.putService(aService({ name, key: `shop/${name}`, desired: 'stopped' }));
      const event = { atMs: 1, kind: 'x', service: null, node: null, rollout: null };
      tx.addEvent({ ...event, message: `shop/${name}: stop` });
    });
  };
  await trail.during(act, async () => store.batch(() => ['a', 'b', 'c'].forEach(stop)));
  t.match(await all(), [
    { about: ['shop/a', 'shop/b', 'shop/c'], text: 'shop/a: stop; shop/b: stop; shop/c: stop' },
  ]);
  t.equal((await all()).length, 1);
});

t.test('a secret that was written where a name belongs is not kept', async (t) => {
  const { trail, all } = aTrail(t);
  const join = `orca-join.j-0123abcd.${'s'.repeat(43)}.${'f'.repeat(64)}`;
  const refuse = (path: string, code: 'NOT_FOUND' | 'NOT_ALLOWED', words: string) =>
    trail.refused({ ...act, path }, new OrcaError(code, words));
  refuse(`/join-tokens/${join}`, 'NOT_FOUND', `there is no join token ${join}`);
  refuse('/webhooks/hunter2hunter2', 'NOT_FOUND', 'no webhook is called "hunter2hunter2"');
  refuse('/webhooks/hunter3hunter3/test', 'NOT_ALLOWED', 'it sees no webhook "hunter3hunter3"');
  refuse('/webhooks/deliveries/hunter4/redeliver', 'NOT_ALLOWED', 'it sees no delivery "hunter4"');
  refuse(`/services/${join}`, 'NOT_FOUND', `there is no service ${join}`);
  await trail.during({ ...act, path: `/join-tokens/${encodeURIComponent(join)}` }, async () => 'revoked');
  refuse('/webhooks/wh-0a1b2c3d', 'NOT_ALLOWED', 'no');
  trail.stop();
  const entries = await all();
  t.notMatch(JSON.stringify(entries), /hunter|ssss|ffff/);
  t.same(
    entries.map(({ path }) => path),
    [
      ...['/join-tokens/…', '/webhooks/…', '/webhooks/…/test', '/webhooks/deliveries/…/redeliver'],
      ...['/services/orca-join.…', '/join-tokens/orca-join.…', '/webhooks/wh-0a1b2c3d'],
    ],
  );
});
