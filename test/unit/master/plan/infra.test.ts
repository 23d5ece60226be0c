import t from 'tap';
import {
  emptyReason,
  goneOf,
  readerOf,
  refOf,
  settleInfra,
  strangerOf,
} from '../../../../master/plan/infra.js';
import { INFRA_PATHS, type InfraOutcome, infraKey } from '../../../../shared/infra.js';
import type { Node } from '../../../../shared/model.js';
import { aNode, aRollout, aService } from '../../../support/a-model.js';
import { aDelivery, aPush, aWebhook } from '../../../support/a-webhook.js';

const source = {
  ...{ url: 'https://example.com/org/infra.git', paths: INFRA_PATHS, prune: true },
  ...{ deployKey: null, token: null, insecureHttp: false },
};
const reading = (id: string, labels: Record<string, string> = {}, more: Partial<Node> = {}): Node => {
  const node = aNode();
  return { ...node, id, labels, facts: { ...node.facts, name: id, reads: true }, ...more };
};
const chosen = (nodes: Node[], avoid: string | null = null, live = (_: string) => true): string | null => {
  const found = readerOf(nodes, live, avoid);
  return 'node' in found ? found.node.id : null;
};

t.test('a node reads that may build, is connected, and did not just fail', async (t) => {
  t.equal(chosen([reading('b'), reading('a')]), 'a');
  t.equal(chosen([reading('b'), reading('a')], 'a'), 'b');
  t.equal(chosen([reading('a')], 'a'), 'a', 'one is better than none');
  t.equal(chosen([reading('a', {}, { cordoned: true }), reading('b')]), 'b');
  t.equal(chosen([reading('a', { 'orca.build': 'false' })]), null);
  t.equal(chosen([reading('a'), reading('b', { 'orca.build': 'true' })]), 'b');
  t.equal(
    chosen([reading('a')], null, () => false),
    null,
  );
  t.equal(chosen([aNode()]), null, 'an agent that is older');
});

t.test('the pushed ref is read, else that of the branch', async (t) => {
  t.equal(refOf({ push: aPush() }, { branch: 'x' }), 'refs/heads/main');
  t.equal(refOf({ push: aPush({ ref: null }) }, { branch: 'live' }), 'refs/heads/live');
  t.equal(refOf({ push: aPush({ ref: null }) }, { branch: null }), 'refs/heads/main');
});

t.test('an empty repository is never a wish', async (t) => {
  t.match(emptyReason([], source), /no file that is services.*nothing removed/);
  t.equal(emptyReason([1], source), null);
});

t.test('gone is what this webhook deployed and nobody wants', async (t) => {
  const own = (name: string, more = {}) => aService({ key: `shop/${name}`, managedBy: 'wh-1', ...more });
  const services = [
    own('kept'),
    own('z'),
    own('a', { desired: 'stopped' }),
    own('leaving', { desired: 'removed' }),
    own('other', { managedBy: 'wh-2' }),
    aService({ key: 'shop/by-hand' }),
  ];
  t.same(goneOf(services, 'wh-1', new Set(['shop/kept'])), ['shop/a', 'shop/z']);
});

t.test('what another webhook deploys is a stranger’s, until that is removed', async (t) => {
  const service = aService({ managedBy: 'wh-2' });
  const other = aWebhook({ id: 'wh-2', service: infraKey('wh-2'), infra: source });
  t.match(
    strangerOf([service], 'wh-1', () => other),
    /shop\/api is deployed by the webhook wh-2/,
  );
  t.equal(
    strangerOf([service], 'wh-1', () => undefined),
    null,
  );
  t.equal(
    strangerOf([service], 'wh-2', () => other),
    null,
  );
  t.equal(
    strangerOf([aService()], 'wh-1', () => other),
    null,
  );
});

t.test('a push is what all of its rollouts are', async (t) => {
  const rollouts = [
    aRollout({ id: 'r-ok', state: 'succeeded', reason: null, endedAtMs: 1 }),
    aRollout({
      id: 'r-same',
      state: 'succeeded',
      reason: 'nothing to change: v1 already runs',
      endedAtMs: 1,
    }),
    aRollout({ id: 'r-bad', state: 'failed', reason: 'exit 3', endedAtMs: 1 }),
    aRollout({ id: 'r-newer', state: 'superseded', reason: 'a newer deploy', endedAtMs: 1 }),
    aRollout({ id: 'r-open', state: 'rolling', endedAtMs: null }),
  ];
  const of = (id: string) => rollouts.find((one) => one.id === id) ?? null;
  const settled = (ids: (string | null)[], more: Partial<InfraOutcome> = {}) => {
    const services = ids.map((rollout, at) => ({ service: `shop/s${at}`, change: 'roll', rollout }));
    const infra = { commit: null, services, stopped: [], gone: [], isPruned: false, ...more };
    return settleInfra({ ...aDelivery({ state: 'deploying' }), infra }, of, 9);
  };
  t.equal(settled(['r-ok', 'r-open', 'r-bad']), null);
  t.match(settled(['r-ok', 'r-same', null]), { state: 'deployed', reason: 'deployed shop/s0; 2 unchanged' });
  t.match(settled(['r-ok', 'r-bad', 'r-newer']), {
    state: 'failed',
    reason: 'shop/s1: exit 3; shop/s2: a newer deploy; deployed: shop/s0',
  });
  t.match(settled(['r-newer']), { state: 'superseded' });
  t.match(settled(['r-gone']), { state: 'failed', reason: /no longer known/ });
  t.match(settled([null], { gone: ['shop/x'], isPruned: true }), { reason: '1 unchanged; removed shop/x' });
  t.match(settled(['r-bad'], { gone: ['shop/x'], isPruned: true }), { reason: /left alone: shop\/x$/ });
});
