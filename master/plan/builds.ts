/**
 * Builds, as far as they are decided: which node builds, what it is told to, what is said of it meanwhile, and that no progress deadline is held
 * against a build, which has its own. Pure.
 */
import { BUILD_LABEL, type BuildObserved, type BuildOrder, buildIdOf, isOver } from '../../shared/build.js';
import type { Node, Release, Rollout } from '../../shared/model.js';
import type { ImageObserved } from '../../shared/protocol.js';
import { namesIn } from '../../shared/secret-reference.js';
import type { BuildSpec } from '../../shared/spec.js';
import { type Filter, refusalOf, refusedBy, stateFilters, sumUp } from './filters.js';
import type { Placement } from './place.js';
import { doubtOf } from './seen.js';
import type { NodeView, ServiceSnapshot } from './snapshot.js';

const DEFAULT_TIMEOUT_MS = 20 * 60_000;

/** True for a rollout that builds its image; a rollback has the one that it goes back to. */
export const isBuilt = ({ kind, spec }: Pick<Rollout, 'kind' | 'spec'>): boolean =>
  kind !== 'rollback' && spec.build !== null;

/**
 * Where it is built. A node that was chosen stays so while it is silent, for it goes on; not when it is lost. Then, and first: a node that the
 * service may run on, that built it last (its cache is there), that has the fewest builds.
 */
export function builderOf({ nodes, releases }: ServiceSnapshot, rollout: Rollout): Placement {
  const chosen = nodes.find(({ node }) => node.id === rollout.node)?.node;
  if (chosen && chosen.presence !== 'lost') return { node: chosen, refusal: null };
  const filters = [...stateFilters, mayBuild(nodes), ofPlatform(rollout), withRoom(rollout)];
  const asked = nodes.map((view) => ({ view, refusal: refusedBy(filters, view, rollout.spec) }));
  const last = lastBuilder(releases);
  const [best] = asked
    .flatMap(({ view, refusal }) => (refusal === null ? [{ view, rank: rankOf(view, rollout, last) }] : []))
    .sort((a, b) => compare(a.rank, b.rank));
  if (best) return { node: best.view.node, refusal: null };
  return { node: null, refusal: sumUp(asked.map(({ refusal }) => refusal ?? '')) };
}

type Rank = readonly [placed: number, last: number, builds: number, allocations: number, id: string];

function rankOf(view: NodeView, { spec, id }: Rollout, last: string | null): Rank {
  const { node, allocations } = view;
  const builds = node.images.filter((one) => one.id !== id && isUnderWay(one.build)).length;
  return [refusalOf(view, spec) === null ? 0 : 1, node.id === last ? 0 : 1, builds, allocations, node.id];
}

function compare(a: Rank, b: Rank): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  const [one, other] = [a[at] ?? 0, b[at] ?? 0];
  return at < 0 ? 0 : one < other ? -1 : 1;
}

function lastBuilder(releases: readonly Release[]): string | null {
  const built = releases.filter((release) => release.built).sort((a, b) => b.number - a.number);
  return built[0]?.built?.node ?? null;
}

const mayBuild = (nodes: readonly NodeView[]): Filter => {
  const areChosen = nodes.some(({ node }) => node.labels[BUILD_LABEL] === 'true');
  return ({ node }) => {
    if (node.facts.builds !== true)
      return 'without git 2.31, or with an agent that does not build (`orca nodes upgrade`)';
    const label = node.labels[BUILD_LABEL];
    return label === 'false' || (areChosen && label !== 'true')
      ? `not to build (label ${BUILD_LABEL})`
      : null;
  };
};

/** What Node.js calls the two, and Docker. */
const ARCHITECTURES: Record<string, string> = { x64: 'linux/amd64', arm64: 'linux/arm64' };

const ofPlatform =
  ({ spec }: Rollout): Filter =>
  ({ node }) => {
    const wanted = spec.build?.platform;
    const own = ARCHITECTURES[node.facts.arch] ?? node.facts.arch;
    return wanted === undefined || wanted === own ? null : `not ${wanted}`;
  };

const withRoom =
  ({ spec }: Rollout): Filter =>
  ({ node, memoryBytes }) => {
    const wanted = spec.build?.memoryBytes;
    if (wanted === undefined || memoryBytes + wanted <= node.facts.memoryBytes) return null;
    return `without ${Math.ceil(wanted / 1024 ** 2)} MiB free to build`;
  };

export const isUnderWay = (build: BuildObserved | undefined): boolean =>
  build !== undefined && !isOver(build);

/** What the node is told: everything that decides what comes out, and how long it may take. */
export function orderOf({ id, service, spec, commit }: Rollout, build: BuildSpec): BuildOrder {
  return {
    id: buildIdOf(id),
    project: spec.project,
    service: service.slice(service.indexOf('/') + 1),
    repo: build.repo,
    ref: commit?.ref ?? `refs/heads/${build.branch}`,
    commit: commit?.sha ?? null,
    dockerfile: build.dockerfile,
    context: build.context,
    target: build.target ?? null,
    platform: build.platform ?? null,
    args: build.args,
    deployKey: secretIdOf(build.deployKey, build),
    token: secretIdOf(build.token ?? null, build),
    insecureHttp: build.insecureHttp === true,
    ...mountedOf(build),
    ...(spec.preview ? { isPreview: true as const } : {}),
    timeoutMs: build.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    memoryBytes: build.memoryBytes ?? null,
    cpus: build.cpus ?? null,
  };
}

function secretIdOf(reference: string | null, { secrets = {} }: BuildSpec): string | null {
  const [name] = reference === null ? [] : namesIn(reference);
  return name === undefined || !Object.hasOwn(secrets, name) ? null : (secrets[name] ?? null);
}

function mountedOf(build: BuildSpec): Pick<BuildOrder, 'secrets'> {
  const ids = Object.entries(build.mounted ?? {}).flatMap(([id, reference]) => {
    const valueId = secretIdOf(reference, build);
    return valueId === null ? [] : [[id, valueId] as const];
  });
  return ids.length === 0 ? {} : { secrets: Object.fromEntries(ids) };
}

/** What is waited for, in words. */
export function buildWait(spec: Rollout['spec'], node: Node, image: ImageObserved | null): string {
  const { name } = node.facts;
  const away =
    doubtOf(node) === null
      ? ''
      : ', which does not answer now; it goes on there, or is moved when the node is lost';
  const { build } = image ?? {};
  if (!build) return `${spec.build?.repo} is to be built on ${name}${away}`;
  return `${build.reason ?? build.state} (build on ${name}${away})`;
}

/** Since when the progress deadline counts: not while a build is queued or under way. Null: not now. */
export function waitsSinceMs(rollout: Rollout, image: ImageObserved | null): number | null {
  if (isUnderWay(image?.build)) return null;
  return Math.max(rollout.progressAtMs, image?.build?.endedAtMs ?? 0);
}
