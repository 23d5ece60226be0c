import t from 'tap';
import { planService } from '../../../../master/plan/plan.js';
import { findImage } from '../../../../master/plan/search.js';
import type { Node, Rollout } from '../../../../shared/model.js';
import { aNode, aRollout, aService, aSnapshot, aSpec, aView } from './things.js';

const rollout = aRollout({ state: 'preparing', node: 'n1', spec: aSpec({ container: { pull: 'never' } }) });
const everywhere = { ...rollout, isSearching: true as const };

function aNodeThatSays(id: string, imageId: string | null | undefined, more: Partial<Node> = {}): Node {
  const node = { ...aNode(id), ...more };
  if (imageId === undefined) return { ...node, facts: { ...node.facts, carries: true } };
  const state = imageId === null ? ('failed' as const) : ('ready' as const);
  const said = {
    id: rollout.id,
    state,
    percent: null,
    imageId,
    digest: null,
    reason: imageId === null ? 'not here' : null,
  };
  return { ...node, images: [said], facts: { ...node.facts, carries: true } };
}

t.test('the chosen node alone is asked, until it has said that it has none', async (t) => {
  const [first, second] = [aNodeThatSays('n1', null), aNodeThatSays('n2', 'sha256:2')];
  t.match(findImage(rollout, first, [first, second]), { image: { state: 'failed' }, node: { id: 'n1' } });
  t.match(findImage(everywhere, first, [first, second]), {
    image: { imageId: 'sha256:2' },
    node: { id: 'n2' },
  });
});

t.test('it is waited for those that have not answered, and said whom nobody could ask', async (t) => {
  const first = aNodeThatSays('n1', null);
  t.match(findImage(everywhere, first, [first, aNodeThatSays('n2', undefined)]), { image: null, node: null });
  const away = aNodeThatSays('n2', undefined, { connectedAtMs: null });
  const { image } = findImage(everywhere, first, [first, away]);
  t.equal(image?.state, 'failed');
  t.match(
    image?.reason,
    /^image "good:1" is on no node \(asked: host-n1; not asked: host-n2, which can't be heard\) and pull is "never"; load it on one of them, or change pull$/,
  );
});

t.test('nobody guesses which of two images is meant, unless the chosen node has one', async (t) => {
  const first = aNodeThatSays('n1', null);
  const [second, third] = [aNodeThatSays('n2', 'sha256:2'), aNodeThatSays('n3', 'sha256:3')];
  t.match(findImage(everywhere, first, [third, second, first]).image, {
    state: 'failed',
    reason: /good:1 is another image on each of host-n2, host-n3; load the same one there/,
  });
  const own = aNodeThatSays('n1', 'sha256:1');
  t.match(findImage(everywhere, own, [third, second, own]), {
    image: { imageId: 'sha256:1' },
    node: { id: 'n1' },
  });
});

const planned = (nodes: Node[], open: Rollout) => {
  const snapshot = aSnapshot({
    rollout: open,
    nodes: nodes.map((node) => aView(node)),
    service: aService(open.spec),
  });
  const { actions, waits } = planService(snapshot, open.startedAtMs + 1);
  const put = actions.flatMap((action) => (action.kind === 'put-rollout' ? [action.rollout] : []))[0];
  const release = actions.flatMap((action) => (action.kind === 'put-release' ? [action.release] : []))[0];
  return { put, release, waits };
};

t.test(
  'a rollout asks all nodes when the chosen one has none, and its release knows where it came from',
  async (t) => {
    const nodes = (id: string | null | undefined) => [aNodeThatSays('n1', null), aNodeThatSays('n2', id)];
    const { put } = planned(nodes(undefined), rollout);
    t.match(put, {
      state: 'preparing',
      isSearching: true,
      reason: 'good:1 is not on host-n1: the other nodes are asked for it',
    });
    const searching = put ?? rollout;
    t.same(planned(nodes(undefined), searching).waits, ['image good:1 is being looked for on all nodes']);
    const found = planned(nodes('sha256:2'), searching);
    t.match(found.release, { image: { id: 'sha256:2', node: 'n2' } });
    t.match(found.put, { state: 'rolling' });
    t.match(planned(nodes(null), searching).put, { state: 'failed', reason: /is on no node/ });
  },
);

t.test('with one node, or one that a registry can be asked for, it fails at once', async (t) => {
  t.match(planned([aNodeThatSays('n1', null)], rollout).put, { state: 'failed', reason: /not here/ });
  const pulled = { ...rollout, spec: aSpec({ container: { pull: 'always' } }) };
  const nodes = [aNodeThatSays('n1', null), aNodeThatSays('n2', undefined)];
  t.match(planned(nodes, pulled).put, { state: 'failed' });
});
