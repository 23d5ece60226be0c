/**
 * BuildKit, where what its steps may take can be held: from Docker 23.0 on they are told a cgroup to run below, which the agent makes with the limits of
 * the build. Docker 20.10 puts them all below one of its own (`docker/buildkit`, not with the systemd driver): that has the build's limits for as long as a
 * build of Orca is under way, and so have other builds with BuildKit on that node.
 */
import { pruneCache } from './buildkit/prune.js';
import { openStepGroup, type StepGroup } from './buildkit/step-group.js';
import { ANSWER_MS, ask } from './docker-errors.js';
import type { Docker } from './dockerode.js';
import type { BuildKit, ImageBuild } from './engine.js';
import { LABEL_BUILD } from './labels.js';
import { registriesAuth } from './registry-auth.js';

export interface KitWork {
  request: ImageBuild;
  context: NodeJS.ReadableStream;
  onLine: (text: string) => void;
  signal: AbortSignal;
}

export interface DockerBuildKit {
  kit(): Promise<BuildKit>;
  build(work: KitWork): Promise<void>;
}

const SHARED = 'docker/buildkit';
/** Docker 23.0, whose BuildKit (0.10) heeds `cgroup-parent`. */
const OWN_GROUP_API = 42;
/** Docker 18.09, the first with `/grpc`. */
const GRPC_API = 39;
/** What Docker keeps between builds; what was not used for longest goes first. */
const CACHE_BYTES = 20 * 1024 ** 3;
/** Enough to see whether a cgroup can be made. */
const TRIAL = { memoryBytes: 64 * 1024 ** 2, cpus: 1 };

export function dockerBuildKit(docker: Docker, socket: string): DockerBuildKit {
  const path = socket.replace(/^unix:\/\//, '');
  let isDistrusted = false;
  return {
    async kit() {
      if (isDistrusted) return NOT_HELD;
      const said = await levelOf(docker);
      return said.level === 'none' ? said : ((await triedGroup()) ?? said);
    },
    async build(work) {
      const isOwn = (await this.kit()).level === 'current';
      const { request, signal } = work;
      const group = await openStepGroup(isOwn ? nameOf(request) : SHARED, isOwn, request);
      const ran = stepsThatRan(work.onLine);
      try {
        const auths = (await registriesAuth()) ?? {};
        // HTTP/2 is 4 MB of memory, which an agent that builds nothing does without.
        const { solve } = await import('./buildkit/solve.js');
        const cgroupParent = isOwn ? group.name : null;
        await solve(path, { ...work, auths, cgroupParent, onLine: ran.onLine });
        if (ran.any() && !(await group.wasUsed())) {
          isDistrusted = true;
          work.onLine(`orca: ${NOT_HELD.reason}; from now on BuildKit is not used on this node`);
        }
      } finally {
        await ended(group);
        // The image is there, or is not, whatever becomes of the cache.
        if (!signal.aborted) await pruneCache(path, CACHE_BYTES).catch(() => undefined);
      }
    },
  };
}

const none = (reason: string): BuildKit => ({ level: 'none', reason });

const NOT_HELD = none('the steps of a build did not run in the cgroup that was to hold them');

async function levelOf(docker: Docker): Promise<BuildKit> {
  const [version, info] = await Promise.all([
    ask(ANSWER_MS, () => docker.version()),
    ask(ANSWER_MS, () => docker.info()) as Promise<{ CgroupDriver?: string }>,
  ]);
  const [major, minor] = version.ApiVersion.split('.').map(Number);
  const api = major === 1 ? (minor ?? 0) : Number.POSITIVE_INFINITY;
  if (api >= OWN_GROUP_API) return { level: 'current', reason: '' };
  if (api < GRPC_API) return none(`Docker ${version.Version} has no BuildKit that can be asked`);
  return info.CgroupDriver === 'cgroupfs'
    ? { level: 'old', reason: `Docker ${version.Version} has an old BuildKit; 23.0 has what it lacks` }
    : none(`with Docker ${version.Version} and systemd nothing limits what BuildKit takes; Docker 23.0 can`);
}

/** What stands against it; null: nothing. */
async function triedGroup(): Promise<BuildKit | null> {
  try {
    const group = await openStepGroup(`orca-build-trial-${process.pid}`, true, TRIAL);
    await group.end();
    return null;
  } catch (error) {
    return none(`no cgroup can be made to limit what BuildKit takes (${(error as Error).message})`);
  }
}

const nameOf = ({ labels, tag }: ImageBuild): string =>
  `orca-build-${(labels[LABEL_BUILD] ?? tag).replaceAll(/[^A-Za-z0-9-]/g, '-')}`;

const ended = (group: StepGroup): Promise<void> => group.end().catch(() => undefined);

/** Whether a step ran that was not in the cache. */
function stepsThatRan(onLine: (text: string) => void): { onLine(text: string): void; any(): boolean } {
  const running = new Set<string>();
  return {
    onLine(text) {
      const [, number = '', rest = ''] = /^(#\d+) (.*)$/.exec(text) ?? [];
      if (/^\[[^\]]*\] RUN /.test(rest)) running.add(number);
      if (rest === 'CACHED') running.delete(number);
      onLine(text);
    },
    any: () => running.size > 0,
  };
}
