/** Writes the actions of a plan: an effect for each kind, complete by type, without a decision. */
import type { Action } from '../plan/snapshot.js';
import type { Transaction } from '../store/transaction.js';

type Execute<K extends Action['kind']> = (
  tx: Transaction,
  service: string,
  action: Extract<Action, { kind: K }>,
  nowMs: number,
) => void;

const executors: { [K in Action['kind']]: Execute<K> } = {
  'create-allocation': (tx, _service, { allocation }) => tx.putAllocation(allocation),
  'set-desired': (tx, _service, { id, desired, drainingSinceMs }) => {
    const allocation = tx.allocation(id);
    if (allocation) tx.putAllocation({ ...allocation, desired, drainingSinceMs });
  },
  'set-group': (tx, _service, { id, group }) => {
    const allocation = tx.allocation(id);
    if (allocation) tx.putAllocation({ ...allocation, group });
  },
  'delete-allocation': (tx, _service, { id }) => tx.deleteAllocation(id),
  'put-rollout': (tx, _service, { rollout }) => tx.putRollout(rollout),
  'put-release': (tx, _service, { release }) => tx.putRelease(release),
  'delete-release': (tx, service, { number }) => tx.deleteRelease(service, number),
  'put-planned': (tx, key, { planned }) => {
    const service = tx.service(key);
    if (service) tx.putService({ ...service, planned });
  },
  'put-settings': (tx, key, { settings }) => {
    const service = tx.service(key);
    if (service) tx.putService({ ...service, ...settings });
  },
  'start-service': (tx, key) => {
    const service = tx.service(key);
    if (service) tx.putService({ ...service, desired: 'running' });
  },
  'delete-service': (tx, service) => tx.deleteService(service),
  event: (tx, _service, { event }, nowMs) => tx.addEvent({ ...event, atMs: nowMs }),
};

/** Applies all actions of one service's plan inside one transaction, and keeps what it waits for. */
export function apply(
  tx: Transaction,
  service: string,
  plan: { actions: readonly Action[]; waits: string[] },
  nowMs: number,
): void {
  for (const action of plan.actions) execute(tx, service, action, nowMs);
  tx.putWaits(service, plan.waits);
}

function execute<K extends Action['kind']>(
  tx: Transaction,
  service: string,
  action: Extract<Action, { kind: K }>,
  nowMs: number,
): void {
  const executor = executors[action.kind as K] as Execute<K>;
  executor(tx, service, action, nowMs);
}
