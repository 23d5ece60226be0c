import t, { type Test } from 'tap';
import { createCommands } from '../../../../master/control/commands.js';
import { type InfraOptions, startInfra } from '../../../../master/control/infra.js';
import { createReceive } from '../../../../master/control/receive.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { managedNotes } from '../../../../master/http/managed-notes.js';
import { QUIET_MS } from '../../../../master/plan/bursts.js';
import type { Store } from '../../../../master/store/store.js';
import { OrcaError } from '../../../../shared/errors.js';
import { INFRA_PATHS, type InfraSource, infraKey } from '../../../../shared/infra.js';
import type { Rollout } from '../../../../shared/model.js';
import type { SourceRead } from '../../../../shared/sources.js';
import type { Delivery } from '../../../../shared/webhook.js';
import { aNode, aService } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { aWebhook } from '../../../support/a-webhook.js';
import { aCommit, githubPush } from '../../../support/hook-payloads.js';
import { waitFor } from '../../../support/wait-for.js';

const none = () => undefined;
const quiet = { info: none, warn: none, error: none, debug: none };
type Files = Record<string, string>;
type Answer = Files | Error | { problem: string };

const toml = (name: string, ...lines: string[]): string =>
  [`[[service]]\nname = "${name}"\nimage = "app:1"`, ...lines, ''].join('\n');
const source: InfraSource = {
  ...{ url: 'https://example.com/org/infra.git', paths: INFRA_PATHS, prune: false },
  ...{ deployKey: null, token: null, insecureHttp: false },
};

/** A store with the webhook of an infrastructure repository, and the loop. `repository` is what a node finds there; the clock is the test's. */
function infra(t: Test, more: Partial<InfraSource> = {}, change: Partial<InfraOptions> = {}) {
  const store = aStore(t);
  store.write((tx) => {
    const node = aNode();
    tx.putNode({ ...node, facts: { ...node.facts, reads: true } });
    tx.putWebhook(aWebhook({ repo: 'org/infra', service: infraKey('wh-1'), infra: { ...source, ...more } }));
  });
  const commands = createCommands(
    store,
    createStates(store),
    createSecretValues(store, (sealed) => sealed),
  );
  const repository: { files: Answer; held: boolean } = { files: {}, held: false };
  const asked: Parameters<InfraOptions['ask']>[1][] = [];
  const ask: InfraOptions['ask'] = async (_, request): Promise<SourceRead> => {
    asked.push(request);
    await waitFor('it to be answered', () => !repository.held, { everyMs: 5 });
    const answer = { type: 'source-read' as const, id: 'x', commit: request.commit, files: [] };
    const { files } = repository;
    if (files instanceof Error) throw files;
    if (typeof files.problem === 'string') return { ...answer, problem: files.problem };
    const read = Object.entries(files as Files).map(([path, text]) => ({ path, text }));
    return { ...answer, problem: null, files: read };
  };
  const clock = { nowMs: 1_000_000 };
  const nowMs = () => clock.nowMs;
  const loops: ReturnType<typeof startInfra>[] = [];
  const start = () =>
    loops.push(
      startInfra({
        ...{ store, ask, nowMs, log: quiet as never, isLive: () => true, secret: () => null },
        ...{ check: (specs) => specs, deploy: commands.deploy, remove: commands.remove },
        ...change,
      }),
    );
  t.teardown(() => Promise.all(loops.map((loop) => loop.stop())));
  const { receive } = createReceive(store, nowMs);
  const push = async (files: Answer, payload: object = {}): Promise<Delivery> => {
    repository.files = files;
    const call = { provider: 'github' as const, signedFor: ['wh-1'], event: 'push', remoteId: null };
    const pushed = githubPush({ repo: 'org/infra', author: 'carol', before: aCommit(), ...payload });
    const { deliveries } = await receive({ ...call, digest: aCommit().padEnd(64, '0'), payload: pushed });
    if (!deliveries[0]) throw new Error('nothing was taken in');
    pass(QUIET_MS);
    return deliveries[0].delivery;
  };
  const pass = (ms: number) => {
    clock.nowMs += ms;
    for (const loop of loops) loop.wake();
  };
  /** Every open rollout ends so. */
  const end = (state: Rollout['state'] = 'succeeded', reason: string | null = null) =>
    store.write((tx) => {
      for (const { key } of store.services()) {
        const rollout = store.activeRollout(key);
        if (rollout) tx.putRollout({ ...rollout, state, reason, endedAtMs: 5 });
      }
    });
  return { store, start, push, pass, end, asked, repository, loops };
}

const that = (store: Store, { id }: Delivery, holds: (one: Delivery) => boolean) =>
  waitFor(
    `${id} to be so`,
    () => {
      const one = store.delivery(id);
      return one && holds(one) && one;
    },
    { timeoutMs: 5_000, everyMs: 5 },
  );
const stateThat = (store: Store, one: Delivery, state: Delivery['state']) =>
  that(store, one, (now) => now.state === state);
const begun = (store: Store, one: Delivery) => that(store, one, (now) => now.infra !== undefined);
const web = { 'services/shop/service.toml': toml('web') };
const both = { ...web, 'services/mail/service.toml': toml('smtp') };

t.test('a push deploys what its files name, in their order, by its author', async (t) => {
  const { store, start, push, end, asked } = infra(t);
  start();
  const one = await push(both);
  const under = await begun(store, one);
  t.match(asked, [{ repo: source.url, ref: 'refs/heads/main', commit: one.push.commit, deployKey: null }]);
  t.match(under, { state: 'deploying', reason: /deploys mail\/smtp .*shop\/web/ });
  t.match(under.infra?.services, [
    { service: 'mail/smtp', change: 'create' },
    { service: 'shop/web', change: 'create' },
  ]);
  t.match(store.activeRollout('shop/web'), { source: 'webhook', by: /^carol \(org\/infra@/ });
  t.equal(store.service('shop/web')?.managedBy, 'wh-1');
  const told = managedNotes(store, [
    { project: 'shop', name: 'web' },
    { project: 'shop', name: 'none' },
  ]);
  t.match(told, [/^web is managed by the webhook wh-1 of org\/infra/]);
  end();
  t.match(await stateThat(store, one, 'deployed'), { reason: 'deployed mail/smtp, shop/web' });
  const again = await push(both);
  await begun(store, again);
  end('succeeded', 'nothing to change: v1 already runs');
  t.match(await stateThat(store, again, 'deployed'), { reason: '2 unchanged' });
});

t.test('one bad file, and nothing of the push is deployed; its reason has file, line and key', async (t) => {
  const { store, start, push } = infra(t);
  start();
  const one = await push({ ...web, 'services/mail/service.toml': toml('smtp', 'replcas = 2') });
  const { reason } = await stateThat(store, one, 'failed');
  t.match(reason, /services\/mail\/service\.toml:4.*replcas.*replicas/s);
  t.same(store.services(), []);
  const clash = await push({
    'services/a/service.toml': toml('web', 'port = 80', 'domain = "a.example.com"'),
    'services/b/service.toml': toml('web', 'port = 80', 'domain = "a.example.com"'),
  });
  t.match(await stateThat(store, clash, 'failed'), { reason: /services\/b.*domain.*belongs to "a\/web"/ });
  t.same(store.services(), []);
  t.match(store.events(1), [{ kind: 'webhook.failed', service: null, message: /belongs to/ }]);
});

t.test(
  'what the cluster does not allow, or what needs a secret that is not set, changes nothing',
  async (t) => {
    const check = () => {
      throw new OrcaError('NOT_ALLOWED', 'web: mounts are not allowed here');
    };
    const { store, start, push } = infra(t, {}, { check });
    start();
    t.match(await stateThat(store, await push(web), 'failed'), { reason: /mounts are not allowed/ });
    const other = infra(t);
    other.start();
    const lacking = await other.push({
      ...both,
      'services/shop/service.toml': toml('web', '[service.env]', 'A = "$' + '{secrets.a}"'),
    });
    t.match(await stateThat(other.store, lacking, 'failed'), { reason: /needs the secret "a"/ });
    t.same([...store.services(), ...other.store.services()], []);
  },
);

t.test('what is no longer there is named and left alone, and removed only with prune', async (t) => {
  for (const prune of [false, true]) {
    const { store, start, push, end } = infra(t, { prune });
    store.write((tx) => tx.putService(aService()));
    start();
    const first = await push(both);
    await begun(store, first);
    end();
    await stateThat(store, first, 'deployed');
    const second = await push(web);
    t.same((await begun(store, second)).infra?.gone, ['mail/smtp']);
    t.equal(store.service('mail/smtp')?.desired, 'running', 'not before the rest is there');
    end();
    const { reason } = await stateThat(store, second, 'deployed');
    t.match(reason, prune ? /removed mail\/smtp/ : /left alone: mail\/smtp/);
    t.equal(store.service('mail/smtp')?.desired, prune ? 'removed' : 'running');
    t.equal(store.service('shop/api')?.desired, 'running', 'what others deployed is not its business');
  }
});

t.test('a push that fails, or an empty repository, removes nothing', async (t) => {
  const { store, start, push, end } = infra(t, { prune: true });
  start();
  const first = await push(both);
  await begun(store, first);
  end();
  await stateThat(store, first, 'deployed');
  const second = await push({ 'services/shop/service.toml': toml('web', 'replicas = 2') });
  await begun(store, second);
  end('failed', 'exit 3');
  t.match(await stateThat(store, second, 'failed'), {
    reason: /shop\/web: exit 3; .*left alone: mail\/smtp/,
  });
  const empty = await push({});
  t.match(await stateThat(store, empty, 'failed'), { reason: /has no file .* nothing removed/ });
  const gone = await push({ problem: 'there is no such repository' });
  t.match(await stateThat(store, gone, 'failed'), { reason: 'there is no such repository' });
  t.equal(store.service('mail/smtp')?.desired, 'running');
});

t.test('the newest push wins, also over one that is read or rolled out', async (t) => {
  const { store, start, push, repository, asked, end } = infra(t);
  start();
  repository.held = true;
  const first = await push(web);
  await stateThat(store, first, 'deploying');
  const second = await push(both);
  t.match(await stateThat(store, first, 'superseded'), { reason: /a newer push came/ });
  repository.held = false;
  await begun(store, second);
  t.equal(asked.length, 2);
  const third = await push(both);
  await stateThat(store, second, 'superseded');
  const { infra: outcome } = await begun(store, third);
  t.ok(
    outcome?.services.every(({ rollout }) => rollout !== null),
    'it has the rollouts that go on',
  );
  end();
  await stateThat(store, third, 'deployed');
});

t.test('a node that goes away is asked again, or another one; what waits has its reason', async (t) => {
  const { store, start, push, pass, repository } = infra(t);
  start();
  const gone = new OrcaError('NODE_UNREACHABLE', 'the agent that was to read the repository is gone');
  const one = await push(gone);
  await that(store, one, ({ reason }) => /is gone; it is tried again/.test(reason ?? ''));
  repository.files = web;
  pass(10_000);
  await begun(store, one);
  const away = infra(t, {}, { isLive: () => false });
  away.start();
  const waiting = await away.push(web);
  await that(away.store, waiting, ({ reason }) => /waits for a node that may read/.test(reason ?? ''));
});

t.test('a master that is started again goes on where it was', async (t) => {
  const { store, start, push, repository, loops, end } = infra(t);
  start();
  repository.held = true;
  const one = await push(web);
  await stateThat(store, one, 'deploying');
  await loops.shift()?.stop();
  start();
  repository.held = false;
  await begun(store, one);
  await loops.shift()?.stop();
  end();
  start();
  t.match(await stateThat(store, one, 'deployed'), { reason: 'deployed shop/web' });
  t.equal(store.rollouts('shop/web', 10).length, 1);
});

t.test('what is stopped stays so, and what another repository deploys is refused', async (t) => {
  const { store, start, push, end } = infra(t);
  start();
  const first = await push(both);
  await begun(store, first);
  end();
  await stateThat(store, first, 'deployed');
  store.write((tx) => {
    const service = store.service('mail/smtp');
    if (service) tx.putService({ ...service, desired: 'stopped' });
  });
  const second = await push(both);
  await begun(store, second);
  end();
  t.match(await stateThat(store, second, 'deployed'), { reason: /since they are stopped: mail\/smtp/ });
  t.equal(store.service('mail/smtp')?.desired, 'stopped');
  store.write((tx) => {
    const service = store.service('shop/web');
    if (service) tx.putService({ ...service, managedBy: 'wh-2' });
    tx.putWebhook(aWebhook({ id: 'wh-2', repo: 'org/other', service: infraKey('wh-2'), infra: source }));
  });
  t.match(await stateThat(store, await push(web), 'failed'), { reason: /webhook wh-2 of org\/other/ });
});
