/** A plan in words, for `orca deploy --dry-run` and `orca diff`: in which order things will happen, and why so. Pure. */
import { actingOf, type Rollout } from '../../shared/model.js';
import type { BuildSpec, ServiceSpec } from '../../shared/spec.js';
import { canarySize, stepsOf } from './canary.js';
import { refusalOf, sumUp } from './filters.js';
import { allowedMissing, type Order, orderOf } from './order.js';
import { place } from './place.js';
import { doubtOf } from './seen.js';
import type { Begun, NodeView, ServiceCurrent } from './snapshot.js';

/** The steps that would follow, a sentence each; empty for `none`. */
export function explain(begun: Begun, current: ServiceCurrent | null, nodes: readonly NodeView[]): string[] {
  if (begun.following !== null) return followLines(begun, begun.following);
  if (begun.rollout !== null && current?.service.desired === 'stopped')
    return [
      ...createLines(begun),
      'the service stays stopped should that fail',
      ...placementLine(begun, nodes),
    ];
  switch (begun.action) {
    case 'none':
      return [...goneLines(begun, current), ...(begun.rollout ? [checkLine(begun)] : [])];
    case 'update':
      return [
        ...goneLines(begun, current),
        ...countLine(begun, current),
        ...(begun.rollout ? [checkLine(begun)] : []),
      ];
    case 'create':
      return [...imageLine(begun), ...jobLine(begun), ...createLines(begun), ...placementLine(begun, nodes)];
    case 'roll':
      return [
        ...goneLines(begun, current),
        ...(isUntouched(begun, current)
          ? untouchedLines(begun, current)
          : [
              ...imageLine(begun),
              ...jobLine(begun),
              ...rollLines(begun, current, nodes),
              ...placementLine(begun, nodes),
            ]),
      ];
  }
}

function followLines({ rollout }: Begun, following: string): string[] {
  const bring = `rollout ${following} already brings this`;
  if (rollout?.canary == null || rollout.acts.at(-1)?.verb !== 'weight') return [bring];
  const { steps, weight } = rollout.canary;
  const next = steps.filter((step) => step > weight).map((step) => `${step} %`);
  const then = next.length === 0 ? '' : `, then ${next.join(', then ')}`;
  return [bring, `its canary v${rollout.release} gets ${weight} %${then}`];
}

/** What becomes of a canary whose place is taken: it just goes, unless stable was told to go and has to come back first. */
function goneLines({ rollout }: Begun, current: ServiceCurrent | null): string[] {
  const canary = rollout?.takesBack ?? null;
  if (canary === null || current === null) return [];
  const stable = `v${current.service.planned.stable}`;
  if (!actingOf(current.rollout)?.canary?.stableGoes) {
    const goes = `its share goes back to ${stable}, then it drains and goes`;
    return [`takes canary v${canary} away: ${goes}; ${stable} is not touched`];
  }
  return [
    `brings ${stable} back: ${copies(current.service.replicas)} of it serve before canary v${canary} gives its requests back`,
    `then canary v${canary} drains and goes`,
  ];
}

/** A rollback of what has replaced nothing yet: nothing is left to roll. */
function isUntouched({ rollout }: Begun, current: ServiceCurrent | null): boolean {
  if (rollout?.kind !== 'rollback' || rollout.release !== current?.service.planned.stable) return false;
  const state = current?.rollout?.state;
  return rollout.takesBack !== null || state === 'preparing' || state === 'pre_deploy';
}

function untouchedLines({ superseded }: Begun, current: ServiceCurrent | null): string[] {
  if (superseded === null || current?.rollout?.canary) return [];
  return [`ends rollout ${superseded.id}, which has replaced nothing yet`];
}

/** What the service is to be like. */
function asked({ service, rollout }: Begun): ServiceSpec {
  return rollout?.spec ?? { ...service.spec, replicas: service.replicas };
}

/** What was kept may be gone since: a node looks before anything is touched. */
function imageLine({ rollout }: Begun): string[] {
  const build = rollout?.kind === 'rollback' ? null : rollout?.spec.build;
  if (build) return [`${buildWords(build)}; nothing else is touched before that is done`];
  if (rollout?.kind !== 'rollback') return [];
  const { image } = rollout.spec.container;
  return [
    `looks for the image of v${rollout.release} (${image}), and pulls it where it is gone; without it nothing changes`,
  ];
}

const buildWords = ({ repo, branch }: BuildSpec): string =>
  `builds the head of ${branch} of ${repo}, unless that was built already`;

function jobLine(begun: Begun): string[] {
  const job = asked(begun).deploy.preDeploy;
  if (job == null || begun.rollout?.kind === 'rollback') return [];
  const command = job.command.map((word) => JSON.stringify(word)).join(', ');
  return [
    `pre_deploy: [${command}] runs once in the new image, for ${job.timeoutMs / 1_000} s at most; nothing else is touched before it has ended with 0`,
  ];
}

function checkLine(begun: Begun): string {
  const { build } = asked(begun);
  if (build !== null)
    return `${buildWords(build)}; rolls only if that makes another image than the one that runs`;
  return `looks whether ${asked(begun).container.image} is still the image that runs; rolls only if it is not`;
}

function countLine(begun: Begun, current: ServiceCurrent | null): string[] {
  const before = current?.service.replicas ?? 0;
  const { replicas } = asked(begun);
  if (before === replicas && begun.rollout?.takesBack != null) return [];
  if (before === replicas) return ['changes the service in place: no allocation is replaced'];
  return [`goes from ${before} to ${replicas} replicas: no other allocation is replaced`];
}

function createLines(begun: Begun): string[] {
  const { replicas, container } = asked(begun);
  return [`starts ${copies(replicas)} of ${container.image}`];
}

function rollLines(begun: Begun, current: ServiceCurrent | null, nodes: readonly NodeView[]): string[] {
  const { deploy, container } = asked(begun);
  const running = current?.allocations.filter((a) => a.desired === 'running' || a.desired === 'routed') ?? [];
  if (running.length === 0) return createLines(begun);
  if (isCanary(begun, current)) return canaryLines(begun);
  const order = orderOf(deploy, container, isPortTaken(begun, current, nodes));
  return [orderLine(order, begun), ...afterLines(begun)];
}

function isCanary(begun: Begun, current: ServiceCurrent | null): boolean {
  const hasStable = current !== null && current.service.planned.stable !== null;
  const { deploy, replicas } = asked(begun);
  return deploy.strategy === 'canary' && begun.rollout?.kind !== 'rollback' && hasStable && replicas > 0;
}

function canaryLines(begun: Begun): string[] {
  const { deploy, replicas, name } = asked(begun);
  const [first = 0, ...next] = stepsOf(deploy);
  const size = canarySize(deploy, replicas, first);
  const steps = next.map((weight) => `${weight} %`).join(', then ');
  const seconds = deploy.stepMs / 1_000;
  const judged = deploy.analysis === null ? '' : ', as long as its figures are within the limits';
  return [
    `canary: starts ${copies(size)} beside stable, ${size === 1 ? `which gets ${first} % when it is` : `which get ${first} % when all of them are`} healthy`,
    ...(next.length === 0 ? [] : [`then ${steps}, each for ${seconds} s at least${judged}`]),
    deploy.autoPromote
      ? `then it is promoted: grows to ${replicas}, takes all, and the old release drains and goes`
      : `then it waits for \`orca promote ${name}\` or \`orca rollback ${name}\``,
    'a canary that fails is taken back; stable is not touched before it is promoted',
  ];
}

/** What a promotion comes to: `after` is the rollout as it would be put. */
export function explainPromotion(
  { service, rollout }: ServiceCurrent,
  after: Rollout,
): { action: 'roll'; changes: string[]; steps: string[] } {
  const { canaryWeight } = service.planned;
  if (after.canary?.promotedAtMs == null) {
    const changes = [`weight: ${canaryWeight} % → ${after.canary?.weight} %`];
    return { action: 'roll', changes, steps: ['moves the share alone; no step moves it any more'] };
  }
  return {
    action: 'roll',
    changes: [`release: v${rollout?.from} → v${rollout?.release}`],
    steps: [
      `the canary grows to ${copies(service.replicas)}, takes 100 % when all of them serve`,
      `then v${rollout?.from} drains and goes`,
    ],
  };
}

function orderLine(order: Order, begun: Begun): string {
  const { deploy, replicas } = asked(begun);
  if (order.kind === 'start-first') {
    return `start-first, ${deploy.maxSurge} at a time: each new allocation of ${replicas} is healthy and routed before an old one drains; never fewer than ${replicas} serve`;
  }
  const missing = allowedMissing(deploy);
  return `stop-first, ${missing} at a time, because ${order.why}: at least ${Math.max(0, replicas - missing)} of ${replicas} serve`;
}

function afterLines(begun: Begun): string[] {
  const { deploy } = asked(begun);
  const failing = deploy.autoRollback ? 'goes back to the release that serves now' : 'stays half-way';
  return [
    `an old allocation gets ${deploy.drainTimeoutMs / 1_000} s to finish its requests and ${deploy.stopGraceMs / 1_000} s to stop`,
    `a failure after a first replacement ${failing}; one before it changes nothing`,
  ];
}

function placementLine(begun: Begun, nodes: readonly NodeView[]): string[] {
  const need = asked(begun);
  if (place(need, nodes, []).node !== null) return [];
  return [
    `waits, because no node can take it now: ${sumUp(nodes.map((view) => refusalOf(view, need) ?? ''))}`,
  ];
}

/** No connected node is free of the service's own fixed host ports. */
function isPortTaken(begun: Begun, current: ServiceCurrent | null, nodes: readonly NodeView[]): boolean {
  const ports = asked(begun).container.extraPorts.map((port) => port.host);
  if (ports.length === 0 || current === null) return false;
  const holders = new Set(
    current.allocations
      .filter(({ release }) => {
        const stored = current.releases.find((r) => r.number === release);
        return stored?.spec.container.extraPorts.some((port) => ports.includes(port.host));
      })
      .map((allocation) => allocation.node),
  );
  return nodes.filter((view) => doubtOf(view.node) === null).every((view) => holders.has(view.node.id));
}

function copies(count: number): string {
  return count === 1 ? '1 allocation' : `${count} allocations`;
}
