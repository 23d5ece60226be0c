/** Taking over what runs on held nodes, when the store was lost, and when it is older than what runs. */
import fc from 'fast-check';
import t from 'tap';
import { type Adoption, adopt, type Claim } from '../../../../master/plan/adopt.js';
import { assignmentOf } from '../../../../master/plan/assignments.js';
import { planService } from '../../../../master/plan/plan.js';
import type { Action, ServiceSnapshot, ServiceState } from '../../../../master/plan/snapshot.js';
import { canonicalJson } from '../../../../shared/fingerprint.js';
import { isPreparing, type Rollout, standingOf } from '../../../../shared/model.js';
import type { Assignment } from '../../../../shared/protocol.js';
import type { Shop } from './cluster.js';
import { same } from './promises.js';
import { aShop, happenings, live, setups } from './stories.js';

const certificate = { names: ['api.example.com'], certPem: 'PEM', keyPem: 'KEY' };

/** What the node of that id is to run, made at `madeAtMs`. */
function assigned(state: ServiceState, { nodes }: ServiceSnapshot, id: string, madeAtMs = 1): Assignment {
  const node = nodes.find((view) => view.node.id === id)?.node;
  if (!node) throw new Error(`no node ${id}`);
  const silent = nodes.filter((view) => view.node.presence !== 'present').map((view) => view.node.id);
  const ingress = {
    httpPort: 80,
    httpsPort: 443,
    caddy: 'auto',
    certificates: new Map(state.service.spec.domains.map((domain) => [domain, certificate])),
    fallbackCertificate: certificate,
  };
  const content = assignmentOf({
    cluster: 'c',
    node,
    services: [state],
    ingress,
    unreachable: new Set(silent),
  });
  return { ...content, revision: 7, madeAtMs };
}

/** What the agent of a node says while it runs what it was assigned. */
function claimOf({ cluster: { snapshot } }: Shop, id: string, more: Partial<Claim['recalled']> = {}): Claim {
  const assignment = assigned(snapshot, snapshot, id);
  const here = snapshot.allocations.filter(({ node }) => node === id);
  return {
    node: id,
    name: id,
    recalled: {
      type: 'recalled',
      id: 'recall-1',
      problem: null,
      assignment,
      containers: here.map((a) => ({
        id: `c-${a.id}`,
        allocation: a.id,
        isAlive: ['ready', 'unready', 'starting', 'stopping'].includes(a.observed?.state ?? 'gone'),
      })),
      labelled: [],
      observed: here.flatMap(({ observed }) => observed ?? []),
      ...more,
    },
  };
}

const claimsOf = (shop: Shop): Claim[] =>
  shop.cluster.snapshot.nodes.map(({ node }) => claimOf(shop, node.id));

const onlyService = (adoption: Adoption): ServiceState => {
  const [service] = adoption.services;
  if (!service) throw new Error('no service was adopted');
  return service.state;
};

/** But for images that are looked up or kept, for jobs, which have ended, and for releases that run nowhere. */
function touching({ allocations, ingress }: Assignment): unknown {
  const kept = allocations
    .filter(({ group }) => group !== 'job')
    .map((one) => ({ ...one, origin: { ...one.origin, previous: null, tolerated: null } }));
  return JSON.parse(canonicalJson({ allocations: kept, ingress }));
}
const isTouching = ({ kind }: Action): boolean => kind === 'create-allocation' || kind === 'set-desired';

/** A rollout that prepares is forgotten: what it holds goes on, and what it was to start stays stopped. */
const standsBack = ({ rollout, service }: ServiceSnapshot): boolean =>
  rollout !== null &&
  isPreparing(rollout) &&
  (service.desired === 'stopped' || ['rolling', 'rolling_back'].includes(standingOf(rollout)?.state ?? ''));

/** Then the next plan is one of another rollout, or of none. */
const isMoving = (rollout: Rollout | null, actions: readonly Action[]): boolean =>
  rollout !== null &&
  (isPreparing(rollout) ||
    actions.some((action) => action.kind === 'put-rollout' && action.rollout.state !== rollout.state));

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
            if (!isMoving(snapshot.rollout, planned)) {
              const next = planService({ ...snapshot, ...state }, nowMs).actions.filter(isTouching);
              const known = planned.map(canonicalJson);
              same(
                next.map(canonicalJson).filter((action) => !known.includes(action)),
                [],
                'what was not planned before',
              );
            }
          }
          shop.cluster.plan();
        });
      }),
      { numRuns: 100, includeErrorInReport: true },
    );
    t.ok(adopted > 500 && open > 100, `${adopted} adopted, ${open} of them with a rollout under way`);
  },
);
