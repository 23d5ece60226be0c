import t from 'tap';
import { createWebhooks } from '../../../../master/control/webhooks.js';
import { QUIET_MS } from '../../../../master/plan/bursts.js';
import { aSpec } from '../../../support/a-model.js';
import { aCommit } from '../../../support/hook-payloads.js';
import { previewing, ttlMs } from '../../../support/previewing.js';
import { waitFor } from '../../../support/wait-for.js';

t.test(
  'a pull request gets a service of its own, built at its head; each push is the same service',
  async (t) => {
    const { store, opened } = previewing(t);
    const head = aCommit();
    const { rollout } = await opened({ head, author: 'carol' });
    const preview = store.service('shop/api-pr-12');
    t.match(preview?.spec, { domains: ['pr-12.api.example.com'], preview: { of: 'shop/api', number: 12 } });
    t.match(store.rollout(rollout ?? ''), {
      commit: { sha: head, ref: 'refs/heads/feature' },
      kind: 'deploy',
    });
    t.match(store.rollout(rollout ?? '')?.by, new RegExp(`carol \\(org/myapp#12@${head.slice(0, 7)}\\)`));
    t.match(
      store.events(10).find(({ kind }) => kind === 'preview.created')?.message,
      /preview of shop\/api for org\/myapp#12/,
    );
    const second = await opened({ action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' });
    t.match(store.rollout(rollout ?? ''), { state: 'superseded' });
    t.equal(store.activeRollout('shop/api-pr-12')?.id, second.rollout);
    t.equal(store.activeRollout('shop/api'), undefined, 'the service itself is left alone');
  },
);

t.test('a burst of pushes is one deploy, of the newest', async (t) => {
  const { store, call, pass, that } = previewing(t);
  const first = await call({ updatedAt: '2026-01-31T12:00:01Z' });
  const newest = await call({ action: 'synchronize', updatedAt: '2026-01-31T12:00:03Z' });
  const late = await call({ action: 'synchronize', updatedAt: '2026-01-31T12:00:02Z' });
  pass(QUIET_MS);
  await that(newest, 'deploying');
  for (const one of [first, late]) await that(one, 'superseded');
  t.match(store.activeRollout('shop/api-pr-12')?.commit, { sha: newest.push.commit });
});

t.test('closing takes it away at once; what comes late does not bring it back', async (t) => {
  const { store, call, opened, that, gone, pass } = previewing(t);
  const open = await opened();
  const closed = await call({ action: 'closed', updatedAt: '2026-01-31T14:00:00Z' });
  pass(0);
  t.match(await that(closed, 'removed'), { reason: /pull request 12 is closed/, endedAtMs: Number });
  await gone('shop/api-pr-12');
  await that(open, 'superseded');
  t.match(
    store.events(20).find(({ kind }) => kind === 'preview.removed')?.message,
    /is closed by alice \(org\/myapp#12/,
  );
  t.equal(store.events(20).filter(({ kind }) => kind === 'webhook.removed').length, 0);
  const late = await call({ action: 'synchronize', updatedAt: '2026-01-31T13:30:00Z' });
  pass(QUIET_MS);
  t.match(await that(late, 'skipped'), { reason: /was closed after that/ });
  const again = await call({ action: 'closed', number: 99 });
  pass(0);
  t.match(await that(again, 'skipped'), { reason: /there is no preview of pull request 99/ });
});

t.test('a push of the second of the close does not bring it back, whenever it comes', async (t) => {
  const second = { updatedAt: '2026-01-31T14:00:00Z' };
  const after = previewing(t);
  await after.opened();
  await after.that(await after.call({ action: 'closed', ...second }), 'removed');
  after.store.write((tx) => tx.deleteService('shop/api-pr-12'));
  const late = await after.call({ action: 'synchronize', ...second });
  after.pass(QUIET_MS);
  t.match(await after.that(late, 'skipped'), { reason: /was closed in the same second/ });
  t.equal(after.store.service('shop/api-pr-12'), undefined);

  const together = previewing(t);
  await together.opened();
  const [closed, overtaken] = await Promise.all([
    together.call({ action: 'closed', ...second }),
    together.call({ action: 'synchronize', ...second }),
  ]);
  together.pass(0);
  await together.that(closed, 'removed');
  await together.that(overtaken, 'superseded');
});

t.test('a close that comes after what opened it again takes nothing away', async (t) => {
  const { store, call, opened, that, pass } = previewing(t);
  await opened({ action: 'reopened', updatedAt: '2026-01-31T15:00:00Z' });
  const late = await call({ action: 'closed', updatedAt: '2026-01-31T14:00:00Z' });
  pass(0);
  t.match(await that(late, 'skipped'), { reason: /was pushed to again after that/ });
  t.match(store.service('shop/api-pr-12'), { desired: 'running' });
});

t.test('opened again while it goes, it waits until that is done', async (t) => {
  const { store, call, opened, that, pass } = previewing(t);
  await opened();
  await that(await call({ action: 'closed', updatedAt: '2026-01-31T14:00:00Z' }), 'removed');
  const reopened = await call({ action: 'reopened', updatedAt: '2026-01-31T15:00:00Z' });
  pass(QUIET_MS);
  await waitFor('it to wait', () => /still being removed/.test(store.delivery(reopened.id)?.reason ?? ''));
  store.write((tx) => tx.deleteService('shop/api-pr-12'));
  await that(reopened, 'deploying');
  t.match(store.service('shop/api-pr-12'), { desired: 'running' });
});

t.test('no fork is brought out, also when a user repeats the call', async (t) => {
  const { store, call, pass, that } = previewing(t);
  const one = await call({ headRepo: 'eve/myapp' });
  t.match(one, { state: 'skipped', reason: /of a fork/, service: 'shop/api-pr-12' });
  const authority = { seal: (text: string) => text, unseal: (text: string) => text };
  const again = createWebhooks({ store, authority, nowMs: () => Date.now() }).redeliver(one.id, 'ann');
  pass(QUIET_MS * 2);
  t.match(await that(again, 'skipped'), { reason: /of a fork/ });
  t.equal(store.service('shop/api-pr-12'), undefined);
});

t.test(
  'a fork that is let in is built at what its pull request is at, and gets nothing of the host',
  async (t) => {
    const { store, opened } = previewing(t, {}, true);
    const { rollout, push } = await opened({ headRepo: 'eve/myapp', branch: 'main' });
    t.match(store.rollout(rollout ?? '')?.commit, { sha: push.commit, ref: 'refs/pull/12/head' });
    const other = previewing(t, { cap_add: ['NET_ADMIN'] }, true);
    const one = await other.call({ headRepo: 'eve/myapp' });
    other.pass(QUIET_MS);
    t.match(await other.that(one, 'failed'), { reason: /cap_add, which code of a fork does not get/ });
  },
);

t.test('over the limit the delivery says so, and a redelivery has the room that came', async (t) => {
  const { store, commands, call, opened, that, pass } = previewing(t);
  await opened({ number: 1 });
  await opened({ number: 2 });
  const third = await call({ number: 3 });
  pass(QUIET_MS);
  t.match(await that(third, 'skipped'), { reason: /there are 2 previews of this webhook.*--preview-limit/ });
  await opened({ number: 2, action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' });
  commands.remove('shop/api-pr-1');
  const authority = { seal: (text: string) => text, unseal: (text: string) => text };
  const again = createWebhooks({ store, authority, nowMs: () => Date.now() }).redeliver(third.id, 'ann');
  pass(QUIET_MS * 2);
  await that(again, 'deploying');
});

t.test('a secret that is not for previews stops it with its name', async (t) => {
  const { store, commands, call, opened, that, pass } = previewing(t, {
    env: { KEY: '$' + '{secrets.key}' },
  });
  const values = [{ version: 'v1', sealed: 'SEALED', setAtMs: 1, by: 'ann' }];
  store.write((tx) => tx.putSecret('shop/key', { project: 'shop', name: 'key', values }));
  const one = await call();
  pass(QUIET_MS);
  t.match(await that(one, 'failed'), {
    reason: /env\.KEY needs the secret "key", which is not set for previews/,
  });
  t.equal(store.service('shop/api-pr-12'), undefined);
  store.write((tx) => tx.putSecret('shop/key', { project: 'shop', name: 'key', preview: true, values }));
  await opened({ action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' });
  t.match(store.service('shop/api-pr-12')?.spec.container.secrets, { key: 'shop/key@v1' });
  store.write((tx) => tx.putSecret('shop/key', { project: 'shop', name: 'key', values }));
  const actor = { by: 'ann', source: 'cli' as const };
  t.throws(() => commands.redeploy('shop/api-pr-12', actor), { code: 'SECRET_MISSING' });
  t.throws(() => commands.renew('shop/api-pr-12', actor), { code: 'SECRET_MISSING' });
});

t.test('it goes when nothing was pushed for its time, which each push begins anew', async (t) => {
  const { store, opened, gone, pass } = previewing(t);
  await opened();
  pass(ttlMs - 10_000);
  await opened({ action: 'synchronize', updatedAt: '2026-01-31T13:00:00Z' });
  pass(ttlMs - 10_000);
  t.match(store.service('shop/api-pr-12'), { desired: 'running' });
  pass(ttlMs);
  await gone('shop/api-pr-12');
  t.match(store.events(20).find(({ kind }) => kind === 'preview.removed')?.message, /for 1m$/);
});

t.test('it goes with its webhook, and with its service', async (t) => {
  const one = previewing(t);
  await one.opened();
  const authority = { seal: (text: string) => text, unseal: (text: string) => text };
  createWebhooks({ store: one.store, authority, nowMs: Date.now }).remove('wh-1', 'ann');
  await one.gone('shop/api-pr-12');
  const other = previewing(t);
  await other.opened();
  other.commands.remove('shop/api');
  await other.gone('shop/api-pr-12');
});

t.test('names are not taken: by a deploy of a file, or by a preview', async (t) => {
  const { store, commands, call, opened, that, pass } = previewing(t);
  await opened();
  const actor = { by: 'ann', source: 'cli' as const };
  const file = aSpec({ name: 'api-pr-12', domain: 'other.example.com' });
  t.throws(() => commands.deploy([file], actor), {
    code: 'CONFLICT',
    message: /is the preview of shop\/api/,
  });
  t.match(commands.plan([file]), [{ action: 'refused', code: 'CONFLICT' }]);
  commands.deploy([aSpec({ name: 'api-pr-13', domain: 'mine.example.com' })], actor);
  const one = await call({ number: 13 });
  pass(QUIET_MS);
  t.match(await that(one, 'failed'), { reason: /there is a service shop\/api-pr-13 already/ });
  commands.deploy([aSpec({ name: 'taken', domain: 'pr-14.api.example.com' })], actor);
  const clash = await call({ number: 14 });
  pass(QUIET_MS);
  t.match(await that(clash, 'failed'), { reason: /belongs to "shop\/taken" already/ });
  t.equal(store.service('shop/api-pr-14'), undefined);
});

t.test('what the cluster does not allow any more, a preview does not get', async (t) => {
  const { call, that, pass } = previewing(t, { mounts: ['/srv/data:/data'] });
  const one = await call();
  pass(QUIET_MS);
  t.match(await that(one, 'failed'), { reason: /\/srv\/data of the host may not be mounted/ });
});

t.test("a preview takes no name of another project's wildcard, also where its service has one", async (t) => {
  const { store, commands, call, that, pass } = previewing(t);
  const other = aSpec({ name: 'all', project: 'other', domain: '*.api.example.com' });
  commands.deploy([other], { by: 'ann', source: 'cli' });
  const one = await call();
  pass(QUIET_MS);
  t.match(await that(one, 'failed'), {
    reason:
      /webhook "wh-1" is limited to the project shop: .*pr-12\.api\.example\.com is one of \*\.api\.example\.com, which is served for another project/,
  });
  t.equal(store.service('shop/api-pr-12'), undefined);
});
