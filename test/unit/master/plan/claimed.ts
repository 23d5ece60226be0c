/** What agents say of what they run when a master asks them. */
import type { Adoption } from '../../../../master/plan/adopt.js';
import { assignmentOf } from '../../../../master/plan/assignments.js';
import type { Claim } from '../../../../master/plan/claims.js';
import type { ServiceSnapshot, ServiceState } from '../../../../master/plan/snapshot.js';
import type { Assignment } from '../../../../shared/protocol.js';
import type { Shop } from './cluster.js';

const certificate = { names: ['api.example.com'], certPem: 'PEM', keyPem: 'KEY' };

/** What the node of that id is to run, made at `madeAtMs`. */
export function assigned(
  state: ServiceState,
  { nodes }: ServiceSnapshot,
  id: string,
  madeAtMs = 1,
): Assignment {
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
export function claimOf(
  { cluster: { snapshot } }: Shop,
  id: string,
  more: Partial<Claim['recalled']> = {},
): Claim {
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

export const onlyService = (adoption: Adoption): ServiceState => {
  const [service] = adoption.services;
  if (!service) throw new Error('no service was adopted');
  return service.state;
};
