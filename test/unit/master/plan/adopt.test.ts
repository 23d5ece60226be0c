/** Taking over what runs on held nodes, when the store was lost, and when it is older than what runs. */
import fc from 'fast-check';
import t from 'tap';
import { type Adoption, adopt } from '../../../../master/plan/adopt.js';
import type { Claim } from '../../../../master/plan/claims.js';
import { planService } from '../../../../master/plan/plan.js';
import type { Action, ServiceSnapshot } from '../../../../master/plan/snapshot.js';
import { canonicalJson } from '../../../../shared/fingerprint.js';
import { type Allocation, isPreparing, type Rollout, standingOf } from '../../../../shared/model.js';
import type { Assignment } from '../../../../shared/protocol.js';
import { assigned, claimOf, onlyService } from './claimed.js';
import { running, type Shop } from './cluster.js';
import { same } from './promises.js';
import { aShop, happenings, live, setups } from './stories.js';
import { aDeploy, aSpec } from './things.js';

const claimsOf = (shop: Shop): Claim[] =>
  shop.cluster.snapshot.nodes.map(({ node }) => claimOf(shop, node.id));

/** But for images that are looked up or kept, for jobs, which have ended, for releases that run nowhere, and for marks, which no Caddy has. */
function touching({ allocations, ingress }: Assignment): unknown {
  const kept = allocations
    .filter(({ group }) => group !== 'job')
    .map((one) => ({ ...one, origin: { ...one.origin, previous: null, tolerated: null } }));
  const drop = (key: string, value: unknown): unknown => (key === 'mark' ? undefined : value);
  return JSON.parse(canonicalJson({ allocations: kept, ingress }), drop);
}
/** A copy that is still to be made is, wherever: which node has room is asked anew, and jobs, which have ended, count no more. */
const act = (action: Action): string =>
  canonicalJson(
    action.kind === 'create-allocation'
      ? { ...action, allocation: { ...action.allocation, node: '' } }
      : action,
  );
const isTouching = ({ kind }: Action): boolean => kind === 'create-allocation' || kind === 'set-desired';

/** A rollout that prepares is forgotten: what it holds goes on, and what it was to start stays stopped. */
const standsBack = ({ rollout, service }: ServiceSnapshot): boolean =>
  rollout !== null &&
  isPreparing(rollout) &&
  (service.desired === 'stopped' || ['rolling', 'rolling_back'].includes(standingOf(rollout)?.state ?? ''));

/** That a copy moves (`orca rebalance`) is forgotten: it stays, and what was made in its place goes. */
const hasMoves = ({ allocations }: ServiceSnapshot): boolean => allocations.some(({ isMoving }) => isMoving);

/** How far it is; what an adopted one does not know yet is that its share is in force, since the ingresses have not said so of the new store's marks. */
const stageOf = ({ state, canary }: Rollout): string =>
  canonicalJson({ state, step: canary?.step, weight: canary?.weight, stableGoes: canary?.stableGoes });

/** Then the next plan is one of another rollout, of another stage of it, or of none. */
const isMoving = (rollout: Rollout | null, actions: readonly Action[]): boolean =>
  rollout !== null &&
  (isPreparing(rollout) ||
    actions.some((action) => action.kind === 'put-rollout' && stageOf(action.rollout) !== stageOf(rollout)));

const isWhole = ({ conflicts, missing, services }: Adoption): boolean =>
  conflicts.length === 0 && missing.length === 0 && services.length > 0;

t.test(
  'whatever goes on, a lost store is built again so that no container and no route is touched',
  async (t) => {
    let adopted = 0;
    let open = 0;
    fc.assert(
      fc.property(setups, happenings, (setup, story) => {
        const shop = aShop(setup);
        live(shop, setup, story, () => {
          const { snapshot, nowMs } = shop.cluster;
          const adoption = adopt(claimsOf(shop), [], nowMs);
          if (isWhole(adoption) && !standsBack(snapshot)) {
            const state = onlyService(adoption);
            for (const { node } of snapshot.nodes)
              same(
                touching(assigned(state, snapshot, node.id)),
                touching(assigned(snapshot, snapshot, node.id)),
                `the assignment of ${node.id}`,
              );
            adopted += 1;
            if (state.rollout) open += 1;
            const planned = planService(snapshot, nowMs).actions;
            if (!isMoving(snapshot.rollout, planned) && !hasMoves(snapshot)) {
              const next = planService({ ...snapshot, ...state }, nowMs).actions.filter(isTouching);
              const known = planned.map(act);
              same(
                next.map(act).filter((action) => !known.includes(action)),
                [],
                'what was not planned before',
              );
            }
          }
          shop.cluster.plan();
        });
      }),
      // What fails is told at once: to make it smaller takes longer than a suite may.
      { numRuns: 100, endOnFailure: true, includeErrorInReport: true },
    );
    t.ok(adopted > 500 && open > 100, `${adopted} adopted, ${open} of them with a rollout under way`);
  },
);

const twoNodes = (): Shop => running(aSpec({ replicas: 4, container: { env: { KEY: 'value' } } }), 2);
const keysOf = ({ services }: Adoption): string[] =>
  services.flatMap(({ state }) => state.allocations.map(({ id, node }) => `${id} ${node}`)).sort();

t.test('a node that is away is missed by what the others know, and taken over later', async (t) => {
  const shop = twoNodes();
  const { snapshot, nowMs } = shop.cluster;
  const first = adopt([claimOf(shop, 'n1')], [], nowMs);
  t.match(first.missing, [/shop\/api: 2 of 4 copies are on nodes that are not here \(shop\.api\.\d on n2, /]);
  t.same(first.conflicts, []);
  const state = onlyService(first);
  t.equal(state.allocations.length, 2);
  t.equal(
    state.service.planned.nextAllocation,
    snapshot.service.planned.nextAllocation + 100,
    'numbers are left to those that are away',
  );

  const later = adopt([claimOf(shop, 'n2')], [state], nowMs + 1);
  t.same(later.missing, []);
  t.same(later.conflicts, []);
  t.same(keysOf(later), snapshot.allocations.map(({ id, node }) => `${id} ${node}`).sort());
});

t.test('what is claimed twice is shown, and not guessed', async (t) => {
  const shop = twoNodes();
  const { nowMs } = shop.cluster;
  const [one, two] = claimsOf(shop) as [Claim, Claim];
  const twin: Claim = { ...one, node: 'n3', name: 'n3' };
  t.match(adopt([one, two, twin], [], nowMs).conflicts, [
    /shop\.api\.\d runs on n1 and on n3/,
    /n1 and on n3/,
  ]);
  const stored = onlyService(adopt([one, two], [], nowMs));
  t.match(adopt([twin], [stored], nowMs).conflicts, [/this master has one of that id on n1/, /on n1/]);

  const other = structuredClone(two);
  for (const allocation of other.recalled.assignment?.allocations ?? [])
    allocation.imageId = 'sha256:another';
  t.match(adopt([one, other], [], nowMs).conflicts, [
    /^v1 of shop\/api is one thing on n1 and another on n2$/,
  ]);
});

t.test('what can not be known is said, and stands in the way', async (t) => {
  const shop = twoNodes();
  const { nowMs } = shop.cluster;
  const claim = claimOf(shop, 'n1');
  const older = structuredClone(claim);
  for (const allocation of older.recalled.assignment?.allocations ?? []) delete allocation.origin;
  t.match(adopt([older], [], nowMs).conflicts, [
    /was assigned by another version of Orca/,
    /another version/,
  ]);
  const broken = claimOf(shop, 'n1', {
    problem: 'what it remembers is larger than 16 MiB',
    assignment: null,
  });
  t.match(adopt([broken], [], nowMs).conflicts, ['n1: what it remembers is larger than 16 MiB']);
  const nameless = claimOf(shop, 'n1', {
    assignment: null,
    containers: [{ id: 'c', allocation: '', isAlive: true }],
  });
  t.match(adopt([nameless], [], nowMs).conflicts, [/n1 runs a container, whose labels do not say/]);
});

const sorted = (all: readonly Allocation[]): string[] => all.map(canonicalJson).sort();

t.test('a restored store that is older: what runs holds, what it has given up stays given up', async (t) => {
  const shop = running(aSpec({ replicas: 2 }), 1);
  const old = structuredClone(shop.cluster.snapshot);
  shop.deploy(aSpec({ replicas: 3, container: { image: 'good:2' } }));
  shop.cluster.settle();
  const { nowMs, snapshot } = shop.cluster;
  const [adopted] = adopt([claimOf(shop, 'n1')], [old], nowMs).services;
  t.same(adopted?.gone.sort(), old.allocations.map(({ id }) => id).sort());
  t.match(adopted?.state, { service: { replicas: 3, planned: { stable: 2, previous: 1 } }, rollout: null });
  t.same(
    adopted?.state.releases.map(({ number }) => number),
    [1, 2],
    'earlier releases of the store are kept',
  );
  t.same(sorted(adopted?.state.allocations ?? []), sorted(snapshot.allocations));

  const [victim] = snapshot.allocations;
  const given = snapshot.allocations.map((a) => (a === victim ? { ...a, desired: 'stopped' as const } : a));
  const [later] = adopt([claimOf(shop, 'n1')], [{ ...snapshot, allocations: given }], nowMs).services;
  t.equal(later?.state.allocations.find(({ id }) => id === victim?.id)?.desired, 'stopped');
});

t.test('a service of the store that runs nowhere any more is stopped, not started anew', async (t) => {
  const shop = running(aSpec({ replicas: 2 }), 1);
  const old = structuredClone(shop.cluster.snapshot);
  shop.remove();
  shop.cluster.settle();
  const { idle, services } = adopt([claimOf(shop, 'n1')], [old], 1);
  t.same(services, []);
  t.match(idle, [{ state: { service: { desired: 'stopped' }, allocations: [] } }]);
  const forgotten = claimOf(shop, 'n1', { assignment: null, containers: [] });
  const dead = adopt([forgotten], [old], 1);
  t.same(dead.idle, []);
  t.match(dead.missing, [/shop\.api\.1 of this store does not run any more/, /does not run/]);
});

/** A deploy whose job runs. */
function withJob(): Shop {
  const deploy = aDeploy({ preDeploy: { command: ['migrates'], timeoutMs: 60_000 } });
  const shop = running(aSpec(), 1);
  shop.deploy(aSpec({ deploy, container: { image: 'good:2' } }));
  for (
    let step = 0;
    step < 10 && !shop.cluster.snapshot.allocations.some((a) => a.group === 'job');
    step += 1
  ) {
    shop.cluster.plan();
    shop.cluster.tick(100);
  }
  shop.cluster.tick(100);
  return shop;
}

t.test(
  'the job of a deploy that will not go on is missed, and blocks no adoption that is to be partial',
  async (t) => {
    const shop = withJob();
    const adoption = adopt(claimsOf(shop), [], 1);
    t.same(adoption.conflicts, []);
    t.ok(
      adoption.missing.some((line) =>
        /shop\.api\.\d+ on .* is the job of a deploy that will not go on/.test(line),
      ),
    );
    const state = onlyService(adoption);
    t.match(state, { rollout: null, service: { planned: { stable: 1 } } });
    t.notOk(state.allocations.some(({ group }) => group === 'job'));
  },
);

t.test(
  'one of a service that stays as the store has it goes on, untouched, and its deploy with it',
  async (t) => {
    const shop = withJob();
    const { snapshot, nowMs } = shop.cluster;
    const labelled = claimsOf(shop).map((claim): Claim => {
      const { assignment } = claim.recalled;
      return {
        ...claim,
        recalled: { ...claim.recalled, assignment: null, labelled: assignment?.allocations ?? [] },
      };
    });
    const adoption = adopt(labelled, [snapshot], nowMs);
    t.same([adoption.services, adoption.conflicts, adoption.missing, adoption.idle], [[], [], [], []]);
    const first = snapshot.allocations.filter(({ group }) => group === 'job');
    const onlyJob = { ...snapshot, allocations: first };
    const jobs = labelled.map((claim): Claim => {
      const own = claim.recalled.labelled.filter(({ group }) => group === 'job');
      const containers = claim.recalled.containers.filter((c) => own.some(({ id }) => id === c.allocation));
      return { ...claim, recalled: { ...claim.recalled, labelled: own, containers } };
    });
    const early = adopt(jobs, [onlyJob], nowMs);
    t.same([early.conflicts, early.missing, early.idle], [[], [], []], 'also where nothing of it runs yet');
  },
);
