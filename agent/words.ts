/** Sentences for people: exits, times, and what to do about what Docker refused. */
import type { ObservedContainer } from './engine.js';

/** `0.4 s`, `12 s`, `3 min`. */
export function seconds(ms: number): string {
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 10_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 1_000)} s`;
}

export function exitWords(container: ObservedContainer, upMs: number): string {
  if (container.startedAtMs === null) return container.error ?? 'was never started';
  const memory = container.oomKilled ? ' (out of memory: raise resources.memory)' : '';
  return `exited with ${container.exitCode ?? 'an unknown code'} after ${seconds(upMs)}${memory}`;
}

/** Docker's own words, and behind them what to do where that is known and not said yet. `isJob`: they are about a pre_deploy job. */
export function withAdvice(message: string, isJob = false): string {
  const known = [...(isJob ? jobAdvice : []), ...advice].find(([pattern]) => pattern.test(message));
  return known && !message.includes(known[1]) ? `${message.replace(/[.\s]+$/, '')}; ${known[1]}` : message;
}

const noProgram =
  /exec(user process)?:? .*(executable file not found|no such file or directory|permission denied|format error)/is;

const jobAdvice: [RegExp, string][] = [[noProgram, 'change pre_deploy: the image has no such program']];

const advice: [RegExp, string][] = [
  [
    /port is already allocated|address already in use/i,
    'stop what uses that port, or change extra_ports (`ss -ltnp` shows who has it)',
  ],
  [/bind source path does not exist/i, 'make that folder on this node, or change mounts'],
  [/invalid mount|mount path must be absolute|duplicate mount point/i, 'change mounts or volumes'],
  [/no space left on device/i, 'free space on the disk that holds Docker (`docker system df`)'],
  [noProgram, 'change command or entrypoint: the image has no such program'],
  [/no command specified/i, 'set command: the image has none'],
  [/minimum memory limit|minimum memory reservation/i, 'raise resources.memory'],
  [/range of cpus/i, 'lower resources.cpu: this node has fewer'],
  [/non-overlapping|predefined address pools/i, 'remove unused networks (`docker network prune`)'],
  [
    /unauthorized|authentication required|no basic auth credentials|denied: |access denied/i,
    'log in to that registry: `orca registry login HOST --username USER`, or `docker login` on this node',
  ],
  [
    /manifest unknown|manifest for .* not found|repository does not exist|not found: manifest/i,
    'check the name and tag of image',
  ],
  [
    /no such host|connection refused|i\/o timeout|deadline exceeded|network is unreachable/i,
    'check that this node reaches the registry',
  ],
  [/toomanyrequests|rate limit/i, 'log in to the registry, or wait until its limit has passed'],
];
