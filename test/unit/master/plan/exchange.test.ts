/** Services that exchange domains in one deploy: at no moment is a domain nobody's. */
import t from 'tap';
import { beginDeploy } from '../../../../master/plan/begin.js';
import { withInherited } from '../../../../master/plan/requests.js';
import { routesOf } from '../../../../master/plan/routes.js';
import type { ServiceState } from '../../../../master/plan/snapshot.js';
import type { ServiceSpec } from '../../../../shared/spec.js';
import { aContext, aCurrent, aPlanned, aRelease, aService, aSpec } from './things.js';

const specOf = (name: string, ...domains: string[]): ServiceSpec => ({ ...aSpec(), name, domains });
const stateOf = (spec: ServiceSpec): ServiceState => {
  const releases = [aRelease(1, spec)];
  return {
    service: aService(spec, { planned: aPlanned({ stable: 1 }) }),
    releases,
    rollout: null,
    allocations: [],
  };
};
const before = { one: stateOf(specOf('one', 'a.test')), two: stateOf(specOf('two', 'b.test')) };

/** Both deploys at once, as they are put. */
function exchanged(one: ServiceSpec, two: ServiceSpec) {
  const begun = [one, two].map((spec) => {
    const state = before[spec.name as 'one' | 'two'];
    return beginDeploy(aCurrent({ ...state, rollout: null }), spec, aContext({ id: `r-${spec.name}` }));
  });
  const current = (key: string) =>
    [before.one, before.two].find((s) => s.service.key === key)?.service ?? null;
  return withInherited(begun, current).map(({ rollout }) => rollout);
}
const served = (...states: ServiceState[]) =>
  Object.fromEntries(routesOf(states, new Set()).map((route) => [route.service, route.domains]));

t.test('what one gives up the other has from then on, also while it prepares', async (t) => {
  const [one, two] = exchanged(specOf('one', 'b.test'), specOf('two', 'a.test'));
  t.same([one?.inherits, two?.inherits], [['b.test'], ['a.test']]);
  const first = { ...before.one, rollout: one ?? null };
  const second = { ...before.two, rollout: two ?? null };
  t.same(served(first, second), { 'shop/one': ['a.test'], 'shop/two': ['b.test'] }, 'nothing has moved yet');
  const moved = {
    ...before.one,
    service: { ...before.one.service, spec: specOf('one', 'b.test') },
    rollout: null,
  };
  t.same(served(moved, second), { 'shop/one': ['b.test'], 'shop/two': ['b.test', 'a.test'] });
  const failed = { ...second, rollout: null };
  t.same(served(moved, failed), { 'shop/one': ['b.test'], 'shop/two': ['b.test'] });
});

t.test('a domain that is new, or stays with its service, is not served before its rollout', async (t) => {
  const [one, two] = exchanged(specOf('one', 'a.test', 'new.test'), specOf('two', 'b.test', 'a.test'));
  t.equal(one?.inherits, undefined);
  t.equal(two?.inherits, undefined);
});
