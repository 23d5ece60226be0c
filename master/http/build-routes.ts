/** Builds: their records, their logs as the building node keeps them, the end of one; and the keys that repositories are read with. */
import { z } from 'zod';
import {
  type BuildLine,
  buildLineSchema,
  buildsReplySchema,
  buildViewSchema,
  cleanupReplySchema,
  deployKeyReplySchema,
} from '../../shared/api-builds.js';
import { type Build, buildLogName, isOver } from '../../shared/build.js';
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { KEPT_ROLLOUTS } from '../store/transaction.js';
import { ofCluster, ownPart, projectOf, projectsOfId, seesProject } from './access.js';
import { buildView } from './build-view.js';
import { findService } from './find-service.js';
import { nextChange } from './follow.js';
import { seesService } from './own-part.js';
import type { CleanUp, Commands, DeployKeys, Live } from './ports.js';
import { iso } from './rollout-view.js';
import { answer, type Call, flag, isSet, type Route, route, unset } from './route.js';

const NEWEST = 50;
const LOOK_EVERY_MS = 1_000;

export function buildRoutes(
  store: Store,
  commands: Pick<Commands, 'cancelBuild'>,
  live: Pick<Live, 'openLogs'>,
  { deployKeys, cleanUp }: { deployKeys: DeployKeys; cleanUp: CleanUp },
): Route[] {
  const nameOf = (id: string): string => store.node(id)?.facts.name ?? id;
  const view = (build: Build) => buildView(build, nameOf, Date.now());
  const find = (id: string | undefined): Build => {
    const found = store.build(id ?? '');
    if (found) return found;
    throw new OrcaError('NOT_FOUND', `there is no build "${id}"`, {
      hint: 'See `orca builds` for those that are kept.',
    });
  };
  const ofBuild = <D extends 'read' | 'change'>(does: D) => ({
    ...{ what: 'projects' as const, does },
    of: ({ params, holder }: Pick<Call<unknown, unknown>, 'params' | 'holder'>): string[] =>
      projectsOfId(holder, `build "${params.id}"`, store.build(params.id ?? '')?.service),
  });
  return [
    route('GET /builds', {
      touches: ownPart,
      summary: 'Builds, newest first; of one service with ?service=',
      query: z.object({ service: unset(z.string()), project: unset(z.string()) }),
      reply: buildsReplySchema,
      run: ({ query, holder }) => {
        const keys =
          query.service === undefined
            ? store
                .serviceKeys()
                .filter(
                  (key) => seesService(holder, key) && (!query.project || projectOf(key) === query.project),
                )
            : [findService(store, query.service, query.project ?? null, holder)];
        const builds = keys.flatMap((key) => store.builds(key, KEPT_ROLLOUTS + 1));
        const newest = builds.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, NEWEST);
        return answer({ builds: newest.map(view) });
      },
    }),
    route('GET /builds/:id', {
      touches: ofBuild('read'),
      summary: 'One build',
      reply: buildViewSchema,
      run: ({ params }) => answer(view(find(params.id))),
    }),
    route('GET /builds/:id/logs', {
      touches: ofBuild('read'),
      summary: 'What a build printed, newline-delimited JSON; goes on to its end with ?follow=true',
      query: z.object({ follow: flag, tail: unset(z.coerce.number().int().min(0).max(100_000)) }),
      reply: buildLineSchema,
      run: ({ params, query, signal }) => {
        const { id } = find(params.id);
        const wanted = { follow: isSet(query.follow), tail: query.tail ?? null };
        return { kind: 'lines', lines: logLines(store, live, id, wanted, signal) };
      },
    }),
    route('POST /builds/:id/cancel', {
      touches: ofBuild('change'),
      summary: 'Gives a build up; its rollout fails, and what runs goes on',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        const build = find(params.id);
        commands.cancelBuild(build.service, build.id, actor);
        return answer({ ok: `the build ${build.id} is cancelled; what runs goes on` });
      },
    }),
    route('POST /keys/deploy', {
      touches: {
        what: 'projects',
        does: 'change',
        of: ({ body, holder }) => [deployKeys.projectOf(body, (one) => seesProject(holder, one))],
      },
      summary: 'Makes a key that reads the repository of a service; the private half becomes a secret',
      body: z.object({ service: z.string(), project: unset(z.string()), replace: unset(z.boolean()) }),
      reply: deployKeyReplySchema,
      run: ({ body, actor, holder }) =>
        answer(
          deployKeys.create(body, actor.by, (one) => seesProject(holder, one)),
          201,
        ),
    }),
    route('POST /cleanup', {
      touches: ofCluster('change', 'the images of all nodes'),
      summary: 'Removes images that were built and that no kept release needs',
      body: z.object({ dry_run: unset(z.boolean()) }),
      reply: cleanupReplySchema,
      run: async ({ body }) => answer(await cleanUp(body.dry_run === true)),
    }),
  ];
}

/** Of a build that has not begun, when it has; of one whose node is away, what is kept of it. */
async function* logLines(
  store: Store,
  live: Pick<Live, 'openLogs'>,
  id: string,
  { follow, tail }: { follow: boolean; tail: number | null },
  signal: AbortSignal,
): AsyncGenerator<BuildLine> {
  const orca = (text: string): BuildLine => ({ at: iso(Date.now()), text: `orca: ${text}` });
  let told = '';
  let build = store.build(id);
  while (build && !isOver(build) && build.startedAtMs === null) {
    const { reason } = build;
    if (!follow) return yield orca(`it has not begun: ${reason ?? 'it is queued'}`);
    if (reason !== null && reason !== told) yield orca(reason);
    told = reason ?? '';
    await nextChange(store, ({ explained }) => explained.size > 0, LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    build = store.build(id);
  }
  if (!build) return;
  if (build.node === null) return yield orca(`it never began: ${build.reason ?? build.state}`);
  try {
    const request = { allocation: buildLogName(id), tail, sinceMs: null, follow };
    for await (const lines of live.openLogs(build.node, request, signal))
      yield* lines.map(({ atMs, text }) => ({ at: iso(atMs), text }));
  } catch (error) {
    if (!(error instanceof OrcaError)) throw error;
    yield* build.lastLogs.map((text) => ({ at: iso(build.endedAtMs ?? Date.now()), text }));
    yield orca(`${error.message}; its log is kept there`);
  }
}
