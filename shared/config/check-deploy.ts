/**
 * What must hold between the keys of [service.deploy]: what belongs to a canary stands with `strategy = "canary"` only,
 * and a canary only where there is traffic to split. Values that clients send for "unset" pass everywhere.
 */
import type { Problem } from './problem.js';
import type { DeployTable, ServiceTable } from './service-schema.js';

/** Every impossible combination in the deploy table of a service; empty when there is none. */
export function checkDeploy(service: ServiceTable): Problem[] {
  const { deploy } = service;
  if (deploy === undefined) return [];
  const ofStrategy =
    deploy.strategy === 'canary' ? [...checkCanary(service), ...checkSteps(deploy)] : checkRolling(deploy);
  return [...checkRoom(deploy), ...ofStrategy, ...checkPreDeploy(deploy), ...checkPreviews(service)];
}

/** A preview is a pull request's, which is built. */
function checkPreviews({ deploy, build }: ServiceTable): Problem[] {
  if (deploy?.preview_replicas === undefined || build !== undefined) return [];
  const message = 'has no effect without [service.build]: only what is built has previews; leave this out';
  return [{ path: ['deploy', 'preview_replicas'], message }];
}

function checkRoom(deploy: DeployTable): Problem[] {
  if (deploy.max_surge !== 0 || deploy.max_unavailable !== 0) return [];
  const message = 'with max_unavailable = 0 nothing could ever be replaced; set one of the two to 1 or more';
  return [{ path: ['deploy', 'max_surge'], message }];
}

/** True when the key says something that only a canary can do. Clients of the Rust Orca send its defaults with every
 *  strategy: weight 20, one copy, not sticky. */
const saysSomething: { [K in keyof DeployTable]?: (value: DeployTable[K]) => boolean } = {
  canary_weight: (weight) => weight !== 20,
  canary_replicas: (replicas) => replicas !== 1,
  canary_steps: () => true,
  step_secs: () => true,
  auto_promote: (auto) => auto === true,
  analysis: () => true,
  sticky: (sticky) => sticky === true,
  group_header: (header) => header === true,
};

function checkRolling(deploy: DeployTable): Problem[] {
  const keys = Object.keys(saysSomething) as (keyof DeployTable)[];
  return keys
    .filter((key) => deploy[key] !== undefined && isSaid(deploy, key))
    .map((key) => ({
      path: ['deploy', key],
      message: 'has no effect without strategy = "canary"; write that too, or leave this out',
    }));
}

function isSaid<K extends keyof DeployTable>(deploy: DeployTable, key: K): boolean {
  return saysSomething[key]?.(deploy[key]) ?? false;
}

function checkCanary(service: ServiceTable): Problem[] {
  const problems: Problem[] = [];
  const path = ['deploy', 'strategy'];
  const isServed = service.domain !== undefined || (service.domains ?? []).length > 0;
  if (!isServed || service.internal === true) {
    const why = service.internal === true ? 'is internal' : 'has no domain';
    const message = `"canary" splits the traffic of a domain, and this service ${why}; write "rolling"`;
    problems.push({ path, message });
  }
  if (service.volume || (service.volumes ?? []).length > 0) {
    const message =
      '"canary" runs two releases at once, and a named volume has a single writer; write "rolling"';
    problems.push({ path, message });
  }
  return problems;
}

function checkSteps(deploy: DeployTable): Problem[] {
  const steps = deploy.canary_steps;
  if (steps === undefined) return [];
  const problems: Problem[] = [];
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (before === undefined || step > before) continue;
    const message = `must be more than the step before it (${before}); it is ${step}: write them rising, such as [5, 25, 50]`;
    problems.push({ path: ['deploy', 'canary_steps', index], message });
  }
  if (deploy.canary_weight !== undefined) {
    const message = 'canary_steps say the weights already; keep one of the two';
    problems.push({ path: ['deploy', 'canary_weight'], message });
  }
  return problems;
}

function checkPreDeploy(deploy: DeployTable): Problem[] {
  if (deploy.pre_deploy?.[0]?.trim() === '') {
    const message = 'must name the program that is run, such as pre_deploy = ["./migrate"]; it is empty';
    return [{ path: ['deploy', 'pre_deploy', 0], message }];
  }
  if (deploy.pre_deploy_timeout_secs === undefined || (deploy.pre_deploy ?? []).length > 0) return [];
  const message = 'has no effect without pre_deploy; write the command, such as pre_deploy = ["./migrate"]';
  return [{ path: ['deploy', 'pre_deploy_timeout_secs'], message }];
}
