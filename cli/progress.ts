/** PURE: what a rollout's frame looks like while it goes on: a line for the service, one a verdict and one an allocation. */
import type { AllocationView, RolloutFrame, RolloutSummary } from '../shared/api.js';
import { verdictText, weightText } from './canary-view.js';
import type { LiveLine } from './live.js';
import type { Colors } from './output.js';

/** The lines of one frame; keys are unique over services. */
export function progressLines(frame: RolloutFrame, colors: Colors): LiveLine[] {
  const allocations = frame.service?.allocations ?? [];
  const ordered = [...allocations].sort(
    (a, b) => a.release.localeCompare(b.release) || a.slot - b.slot || a.id.localeCompare(b.id),
  );
  return [
    { key: frame.rollout.id, text: serviceLine(frame, colors) },
    ...verdictLines(frame, colors),
    ...ordered.map((allocation) => ({
      key: allocation.id,
      text: allocationLine(frame, allocation, colors),
    })),
  ];
}

/** `api.2` of `shop.api.2`. */
export function shortId(id: string): string {
  return id.split('.').slice(-2).join('.');
}

/** The state of an allocation in words: `pulling 43 %`, `starting: …`, `draining, 5 requests in flight`. */
export function allocationText(allocation: AllocationView, served: boolean, colors: Colors): string {
  const { state, reason } = allocation;
  if (allocation.group === 'job') return jobText(allocation, colors);
  if (state === 'draining') return colors.dim(draining(allocation));
  if (state === 'ready')
    return served && !allocation.routed ? 'ready, not routed yet' : colors.green('ready');
  const text = reason === null ? state : reason.startsWith(state) ? reason : `${state}: ${reason}`;
  const color = paint(state, colors);
  const again =
    allocation.restarts > 0 ? `, ${allocation.restarts} ${plural('restart', allocation.restarts)}` : '';
  return `${color(text)}${again}`;
}

export function plural(word: string, count: number): string {
  return count === 1 ? word : `${word}s`;
}

/** So many verdicts stay in sight; each is printed once where lines are not rewritten. */
const VERDICTS = 8;

function verdictLines({ rollout }: RolloutFrame, colors: Colors): LiveLine[] {
  const verdicts = rollout.canary?.verdicts ?? [];
  return verdicts.slice(-VERDICTS).map((verdict) => ({
    key: `${rollout.id}/${verdict.step}/${verdict.to}`,
    text: `  ${serviceName(rollout.service)} step ${verdict.step + 1} ${verdictText(verdict, colors)}`,
  }));
}

function allocationLine(frame: RolloutFrame, allocation: AllocationView, colors: Colors): string {
  const { id, release, group, node } = allocation;
  const parts = [shortId(id), release, group === 'stable' ? '' : group, node];
  const text = allocationText(allocation, isServed(frame), colors);
  return `  ${[...parts, text].filter((part) => part !== '').join('  ')}`;
}

/** A job ends, and is done when it did so with 0. */
function jobText({ state, reason, exit_code }: AllocationView, colors: Colors): string {
  if (exit_code === 0) return colors.green('done');
  if (state === 'ready' || state === 'unready') return 'runs';
  const text = reason === null || reason.startsWith(state) ? (reason ?? state) : `${state}: ${reason}`;
  return paint(state, colors)(text);
}

function serviceLine({ rollout, service }: RolloutFrame, colors: Colors): string {
  const move =
    rollout.release === null
      ? ''
      : rollout.from === null || rollout.from === rollout.release
        ? rollout.release
        : `${rollout.from} → ${rollout.release}`;
  const parts = [
    colors.bold(serviceName(rollout.service)),
    move,
    stateText(rollout, service),
    readyText(rollout, service),
    // Of one that failed the verdict follows at once.
    rollout.state === 'failed' ? '' : (rollout.reason ?? ''),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function stateText({ state, paused, canary }: RolloutSummary, service: RolloutFrame['service']): string {
  const text = state.replaceAll('_', ' ');
  const share =
    state === 'canary' && canary !== null ? ` ${weightText(canary, service?.groups.canary ?? null)}` : '';
  return `${paused === null ? '' : `held by ${paused.by}: `}${text}${share}`;
}

/** Of the release that it brings; of the one before where that is gone back to, or goes on. */
function readyText(rollout: RolloutSummary, service: RolloutFrame['service']): string {
  const { release, from, state, canary } = rollout;
  if (release === null || service === null || state === 'pre_deploy') return '';
  const isBack = from !== null && from !== release && (state === 'rolling_back' || state === 'failed');
  const of = isBack ? from : release;
  const ready = service.allocations.filter(
    (one) => one.release === of && one.group !== 'job' && one.state === 'ready',
  ).length;
  const wanted = state === 'canary' && canary !== null ? canary.replicas : service.replicas;
  return `ready ${ready}/${wanted}${isBack ? ` of ${from}` : ''}`;
}

/** `api` of `shop/api`; the project is left out where it says nothing. */
export function serviceName(key: string): string {
  return key.startsWith('default/') ? key.slice('default/'.length) : key;
}

function isServed(frame: RolloutFrame): boolean {
  return (frame.service?.domains.length ?? 0) > 0;
}

function draining(allocation: AllocationView): string {
  const count = allocation.in_flight;
  if (count === null) return 'draining';
  return `draining, ${count} ${plural('request', count)} in flight`;
}

function paint(state: string, colors: Colors): (text: string) => string {
  if (state === 'failed' || state === 'exited') return colors.red;
  return state === 'unready' || state === 'unknown' ? colors.yellow : (text) => text;
}
