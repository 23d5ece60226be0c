/**
 * `/secrets`: what there is of them, and their changes. A value comes in with a body and is in no answer. After a change the answer
 * says what each service that uses it has: the older value until its next deploy, or (`redeploy`) a rollout that brings the new one.
 */
import * as z from 'zod';
import {
  keyRotatedSchema,
  type SecretsChanged,
  type SecretView,
  secretsChangedSchema,
  secretsReplySchema,
  secretViewSchema,
  setSecretSchema,
  setSecretsSchema,
} from '../../shared/api-secrets.js';
import { dnsLabel } from '../../shared/config/fields.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { secretKey, secretNameProblem, secretWords } from '../../shared/secret-reference.js';
import type { Store } from '../store/store.js';
import { beyond, ofCluster, ownPart, seesProject } from './access.js';
import { secretFor } from './own-part.js';
import type { Actor, Commands, SecretFacts, Secrets } from './ports.js';
import { answer, flag, isSet, type Route, route, unset } from './route.js';

const inProject = z.object({ project: unset(dnsLabel) });
type Change = SecretsChanged['secrets'][number]['change'];

export function secretRoutes(
  store: Pick<Store, 'service' | 'activeRollout' | 'batch'>,
  secrets: Secrets,
  commands: Pick<Commands, 'renew'>,
): Route[] {
  const changed = (
    all: SecretsChanged['secrets'],
    uses: SecretFacts['uses'],
    actor: Actor | null,
  ): SecretsChanged => {
    const outdated = new Map<string, boolean>();
    for (const use of uses) outdated.set(use.service, use.isOutdated || (outdated.get(use.service) ?? false));
    const services = [...outdated].sort().map(([service, isOutdated]) => {
      const isStopped = store.service(service)?.desired !== 'running' && !store.activeRollout(service);
      return actor && isOutdated && !isStopped
        ? renewed(commands, service, actor)
        : as(service, isOutdated ? 'outdated' : 'current');
    });
    return { ok: okText(all), secrets: all, services };
  };
  const setAll = (given: { name: string; value: string }[], how: How): SecretsChanged => {
    const { project, preview, redeploy, actor } = how;
    const mark = preview == null ? {} : { isForPreviews: preview };
    const changes = secrets.set(
      given.map(({ name, value }) => ({ project, name, value, ...mark })),
      actor.by,
    );
    const all = given.map(({ name }, at) => ({ key: name, project, change: changes[at] ?? 'changed' }));
    const uses = secrets.uses(
      project,
      given.map(({ name }) => name),
    );
    return changed(all, uses, redeploy ? actor : null);
  };
  /** With what it redeploys it is one commit, and one entry of the audit trail. */
  const set: typeof setAll = (given, how) => store.batch(() => setAll(given, how));

  return [
    route('GET /secrets', {
      touches: ownPart,
      summary:
        'The secrets, without their values: all, or with ?project= those that its services can refer to',
      query: inProject,
      reply: secretsReplySchema,
      run: ({ query, holder }) => {
        const wanted = query.project ?? null;
        const found = secrets
          .list()
          .filter(({ project }) => wanted === null || project === null || project === wanted)
          .flatMap((secret) => secretFor(holder, secret) ?? []);
        return answer({ secrets: found.map(viewOf) });
      },
    }),
    route('GET /secrets/:key', {
      touches: ownPart,
      summary: 'One secret, without its value',
      query: inProject,
      reply: secretViewSchema,
      run: ({ params, query, holder }) => {
        const project = query.project ?? null;
        if (project !== null && !seesProject(holder, project))
          throw beyond(holder, `the project ${project} is beyond that`);
        const found = secretFor(holder, secrets.one(project, params.key ?? ''));
        return answer(found && viewOf(found));
      },
    }),
    route('POST /secrets', {
      touches: { what: 'projects', does: 'change', of: ({ query }) => [query.project ?? null] },
      summary: 'Sets several secrets, all or none',
      query: inProject,
      body: setSecretsSchema,
      reply: secretsChangedSchema,
      run: ({ query, body, actor }) => {
        refuseTwice(body.secrets.map(({ key }) => key));
        const given = body.secrets.map(({ key, value }) => ({ name: nameOf(key), value }));
        return answer(set(given, howOf(query, body, actor)));
      },
    }),
    route('POST /secrets/:key', {
      touches: { what: 'projects', does: 'change', of: ({ query }) => [query.project ?? null] },
      summary: 'Sets a secret of all projects, or with ?project= of that one',
      query: inProject,
      body: setSecretSchema,
      reply: secretsChangedSchema,
      run: ({ params, query, body, actor }) => {
        const given = [{ name: nameOf(params.key ?? ''), value: body.value }];
        return answer(set(given, howOf(query, body, actor)));
      },
    }),
    route('DELETE /secrets/:key', {
      touches: { what: 'projects', does: 'change', of: ({ query }) => [query.project ?? null] },
      summary: 'Forgets a secret with all values it has had; one in use only with ?force=true',
      query: inProject.extend({ force: flag, redeploy: flag }),
      reply: secretsChangedSchema,
      run: ({ params, query, actor }) => {
        const [project, key] = [query.project ?? null, params.key ?? ''];
        const remove = (): SecretsChanged => {
          const uses = secrets.remove(project, key, isSet(query.force), actor.by);
          const gone = uses.map(({ service }) => ({ service, isOutdated: true }));
          const change: Change = 'removed';
          return changed([{ key, project, change }], gone, isSet(query.redeploy) ? actor : null);
        };
        return answer(store.batch(remove));
      },
    }),
    route('POST /cluster/rotate-key', {
      summary: "Seals the store's private keys and secrets with a new key",
      touches: ofCluster('rule', 'the key that everything is sealed with'),
      reply: keyRotatedSchema,
      run: () => {
        const unreadable = secrets.rotateKey();
        return answer({ ok: 'everything that is sealed has a new key', unreadable });
      },
    }),
  ];
}

interface How {
  project: string | null;
  /** Null or undefined: as before. */
  preview: boolean | null | undefined;
  redeploy: boolean;
  actor: Actor;
}

const howOf = (
  { project = null }: { project?: string | null | undefined },
  { preview, redeploy }: { preview?: boolean | null | undefined; redeploy?: boolean | undefined },
  actor: Actor,
): How => ({ project, preview, redeploy: redeploy === true, actor });

function viewOf({ project, name, isForPreviews, version, setAtMs, by, uses }: SecretFacts): SecretView {
  return {
    key: name,
    project,
    preview: isForPreviews,
    version,
    set_at: new Date(setAtMs).toISOString(),
    by,
    used_by: uses.map(({ service, isOutdated }) => ({ service, outdated: isOutdated })),
  };
}

type ServiceOutcome = SecretsChanged['services'][number];

const as = (service: string, state: ServiceOutcome['state']): ServiceOutcome => ({
  ...{ service, state },
  rollout: null,
  error: null,
});

/** What it refuses does not undo what was set. */
function renewed(commands: Pick<Commands, 'renew'>, service: string, actor: Actor): ServiceOutcome {
  try {
    return { service, state: 'redeployed', rollout: commands.renew(service, actor), error: null };
  } catch (error) {
    return { service, state: 'failed', rollout: null, error: messageOf(error) };
  }
}

function nameOf(key: string): string {
  const problem = secretNameProblem(key);
  if (problem === null) return key;
  throw new OrcaError('BODY_INVALID', `the name of a secret ${problem}`);
}

function refuseTwice(keys: readonly string[]): void {
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice !== undefined) throw new OrcaError('BODY_INVALID', `secrets: "${twice}" is there twice`);
}

function okText(all: SecretsChanged['secrets']): string {
  const [first] = all;
  if (first !== undefined && all.length === 1)
    return `secret ${secretWords(secretKey(first.project, first.key))}: ${first.change}`;
  const count = (change: Change): number => all.filter((one) => one.change === change).length;
  return `${all.length} secrets: ${count('added')} added, ${count('changed')} changed, ${count('unchanged')} unchanged`;
}
