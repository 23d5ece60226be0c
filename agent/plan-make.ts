/** PURE: how an allocation that has no container gets one: network, then image if it was found missing, then create. It waits for values
 *  of secrets that are not here. */
import type { AllocationAssignment } from '../shared/protocol.js';
import type { ObservedContainer } from './engine.js';
import type { Facts } from './facts.js';
import { containerName, networkName } from './labels.js';
import { type Fetching, planFetch } from './plan-fetch.js';
import { missingSecret } from './secrets.js';
import { type AllocationPlan, type Shown, show } from './shown.js';
import { allocationKey, imageKey, networkKey, type Step } from './step.js';

export interface Making {
  allocation: AllocationAssignment;
  cluster: string;
  facts: Facts;
  attempt: number;
  level: number;
  /** The ended container it follows, for what is shown. */
  container: ObservedContainer | null;
  /** How that one ended. */
  after?: string;
}

export function planMake(making: Making): AllocationPlan {
  const { allocation, cluster, facts } = making;
  const network = networkName(cluster, allocation.project);
  if (!facts.networks.has(network)) {
    const key = networkKey(network);
    const step: Step = { kind: 'create-network', key, project: allocation.project, name: network };
    return answer(making, step, 'pending', `making network ${network}`);
  }
  if (facts.missing.has(allocation.imageId)) {
    const fetching = planFetch(allocation, facts);
    return fetching === null ? pullImage(making) : shownAs(making, fetching);
  }
  const missing = missingSecret(allocation.container, facts.secrets);
  if (missing !== null) return wait(making, missing);
  const step: Step = {
    kind: 'create-container',
    key: allocationKey(allocation.id),
    allocation,
    network,
    name: containerName(allocation.id, making.attempt, { cluster, taken: facts.taken }),
    attempt: making.attempt,
    level: making.level,
  };
  return answer(making, step, 'pending', 'creating its container');
}

/** The next assignment wakes the plan. */
function wait({ allocation, facts, container, after }: Making, why: string): AllocationPlan {
  const reason = after === undefined ? why : `${after}; ${why}`;
  const shown = show(allocation, facts, { state: 'pending', reason, container });
  return { steps: [], shown, wakeAtMs: null };
}

/** What a fetch meets is no fault of the release: it is shown, and tried again for as long as the rollout waits. */
function shownAs({ allocation, facts, container }: Making, { step, words }: Fetching): AllocationPlan {
  const shown = show(allocation, facts, { state: 'pulling', reason: words, container });
  return { steps: [step], shown, wakeAtMs: null };
}

function pullImage(making: Making): AllocationPlan {
  const { imageId, container } = making.allocation;
  const key = imageKey(imageId);
  const percent = making.facts.percents.get(key);
  const step: Step = {
    kind: 'resolve-image',
    key,
    want: null,
    ref: container.image,
    pull: container.pull,
    imageId,
  };
  return answer(
    making,
    step,
    'pulling',
    `pulling ${container.image}${percent === undefined ? '' : ` ${percent} %`}`,
  );
}

/** While a rollout judges the release, what the engine refused to make is not tried again; else it backs off. */
function answer(making: Making, step: Step, state: Shown['state'], reason: string): AllocationPlan {
  const { allocation, facts, container, after } = making;
  const failure = facts.failures.get(step.key) ?? facts.failures.get(allocationKey(allocation.id));
  const isFinal = failure !== undefined && allocation.onExit === 'report' && step.kind === 'create-container';
  const shown = show(allocation, facts, {
    state: failure ? 'failed' : state,
    reason: failure?.message ?? (after === undefined ? reason : `${after}; ${reason}`),
    container,
  });
  return { steps: isFinal ? [] : [step], shown, wakeAtMs: null };
}
