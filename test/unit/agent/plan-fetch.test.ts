import t from 'tap';
import { emptyFacts } from '../../../agent/facts.js';
import { plan } from '../../../agent/plan.js';
import { carryObserved } from '../../../agent/plan-fetch.js';
import { anAllocation, anAssignment } from './an.js';

const imageId = 'sha256:app1';
const allocation = anAllocation({ imageId, container: { image: 'app:1', pull: 'never' }, onExit: 'report' });
const source = { node: 'n-2', name: 'worker-2', address: '10.0.0.2', port: 6_881 };
const wanted = { imageId, ref: 'app:1', sources: [source], reason: null };
const keep = [{ imageId, tag: 'orca.local/c/p/s:v1' }];
const assignment = anAssignment({ allocations: [allocation], keep });

function factsWith(fetch: (typeof wanted)[]) {
  const facts = emptyFacts();
  facts.networks.set('orca-test-shop', { id: 'n', name: 'orca-test-shop', project: 'shop', subnet: null });
  facts.missing.add(imageId);
  facts.carry = { watch: [imageId], fetch, serve: [] };
  facts.keep = keep;
  return facts;
}

const planned = (facts: ReturnType<typeof factsWith>) => {
  const { steps, allocations } = plan(assignment, facts, 0);
  return { step: steps.find(({ kind }) => kind === 'fetch-image'), shown: allocations[0] };
};

t.test('what is carried is fetched from where the master says, under the tags that keep it', async (t) => {
  const { step, shown } = planned(factsWith([wanted]));
  t.match(step, { kind: 'fetch-image', wanted, tags: ['orca.local/c/p/s:v1'] });
  t.match(shown, { state: 'pulling', reason: 'fetching app:1 from worker-2' });
});

t.test('what a fetch meets is shown and tried again; it is no failure of the release', async (t) => {
  const facts = factsWith([wanted]);
  facts.doing.set(`image:${imageId}`, 'fetching app:1 from worker-2, 40 %');
  t.match(planned(facts).shown, { state: 'pulling', reason: 'fetching app:1 from worker-2, 40 %' });
  facts.doing.clear();
  facts.failures.set(`image:${imageId}`, { message: "worker-2 can't be reached", count: 1, atMs: 0 });
  t.match(planned(facts).shown, { state: 'pulling', reason: "worker-2 can't be reached" });
});

t.test('while nobody is named it says why, and looks whether somebody has loaded it here', async (t) => {
  const nowhere = planned(factsWith([{ ...wanted, sources: [], reason: 'no node has it' } as never]));
  t.match(nowhere.shown, { state: 'pulling', reason: 'app:1 is not on this node; no node has it' });
  t.match(nowhere.step, { kind: 'fetch-image' });
  t.match(planned(factsWith([])).shown, { reason: /the master looks for a node that has it/ });
});

t.test(
  'the master hears what is here and what is lacking, of what it watches and this node needs',
  async (t) => {
    const facts = factsWith([]);
    t.same(carryObserved(assignment, facts), { holds: [], lacks: [imageId] });
    const stopped = anAssignment({ allocations: [{ ...allocation, desired: 'stopped' }] });
    t.same(carryObserved(stopped, facts), { holds: [], lacks: [] });
    facts.missing.clear();
    facts.tags.set('orca.local/c/p/s:v1', imageId);
    facts.tags.set('orca.local/c/p/s:v9', 'sha256:other');
    t.same(carryObserved(assignment, facts), { holds: [imageId], lacks: [] });
  },
);

t.test('what no node has is asked of its registry, unless none is to be asked', async (t) => {
  const facts = factsWith([{ ...wanted, sources: [], isNowhere: true } as never]);
  t.match(planned(facts).step, { kind: 'fetch-image' });
  const pulled = { ...allocation, container: { ...allocation.container, pull: 'if-not-present' as const } };
  const { steps } = plan({ ...assignment, allocations: [pulled] }, facts, 0);
  const step = steps.find(({ kind }) => kind === 'resolve-image');
  t.match(step, { ref: 'app:1', imageId });
});
