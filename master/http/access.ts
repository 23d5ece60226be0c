/**
 * Who may do what: the one table, and the one decision that is made from it. Every route says what it touches (a route that does not is no
 * route by its type), and docs/tokens.md is made of both. PURE.
 *
 * A token that is limited to projects does and sees what is of these projects. What it may not see is refused in the same words as what is
 * not there, so that it learns no names.
 */
import type { Role } from '../../shared/api-tokens.js';
import { OrcaError } from '../../shared/errors.js';

/** What a route touches. */
export type Touches<C> =
  /** No token is asked for; `who` says who calls, by what they prove, and what is told of it. */
  | { what: 'open'; who: (call: C) => Proven; told: 'all' | 'refusals' | 'none' }
  /** Shows nothing of any project. */
  | { what: 'anything' }
  /** Shows of everything what the caller may see (`Call.sees`). */
  | { what: 'own-part' }
  /** What is of the projects that `of` names; null: of all projects. */
  | { what: 'projects'; does: 'read' | 'change'; of: (call: C) => readonly (string | null)[] }
  /** The cluster as a whole; `thing` is what it is, for the refusal. `isTold`: also where it only reads. */
  | { what: 'cluster'; does: 'read' | 'change' | 'rule'; thing: string; isTold?: true };

export interface Proven {
  kind: 'node' | 'join-token' | 'webhook' | 'nobody';
  by: string;
}

export interface Holder {
  /** A webhook's pushes may do what a token could; absent: a token. */
  kind?: 'token' | 'webhook';
  name: string;
  role: Role;
  /** Null: all. */
  projects: readonly string[] | null;
}

export type Verdict = 'yes' | 'own' | 'no';
type Rule =
  | 'anything'
  | 'own-part'
  | 'projects.read'
  | 'projects.change'
  | `cluster.${'read' | 'change' | 'rule'}`;
export type Kind = Role | 'deployer of projects' | 'viewer of projects';

export const kinds = ['admin', 'deployer', 'deployer of projects', 'viewer', 'viewer of projects'] as const;

/** `own`: in its own projects alone. In the order of `kinds`. */
const table: Record<Rule, readonly [Verdict, Verdict, Verdict, Verdict, Verdict]> = {
  anything: ['yes', 'yes', 'yes', 'yes', 'yes'],
  'own-part': ['yes', 'yes', 'own', 'yes', 'own'],
  'projects.read': ['yes', 'yes', 'own', 'yes', 'own'],
  'projects.change': ['yes', 'yes', 'own', 'no', 'no'],
  'cluster.read': ['yes', 'yes', 'no', 'yes', 'no'],
  'cluster.change': ['yes', 'yes', 'no', 'no', 'no'],
  'cluster.rule': ['yes', 'no', 'no', 'no', 'no'],
};

type Closed =
  | { what: 'anything' | 'own-part' }
  | { what: 'projects'; does: string }
  | { what: 'cluster'; does: string; thing: string };

/** What the table says of a kind of token at what a route touches. */
export function verdictOf(touches: Closed, kind: Kind): Verdict {
  const rule = ('does' in touches ? `${touches.what}.${touches.does}` : touches.what) as Rule;
  return table[rule][kinds.indexOf(kind)] ?? 'no';
}

export const kindOf = ({ role, projects }: Holder): Kind =>
  projects === null || role === 'admin' ? role : `${role} of projects`;

/** Whether the holder may see what is of that project; null: of none, or of all. */
export const seesProject = ({ projects }: Pick<Holder, 'projects'>, project: string | null): boolean =>
  projects === null || (project !== null && projects.includes(project));

/** Throws NOT_ALLOWED; `call` is what the request says. */
export function authorize<C>(holder: Holder, touches: Touches<C>, call: C): void {
  if (touches.what === 'open') return;
  const verdict = verdictOf(touches, kindOf(holder));
  if (verdict === 'no') throw refusal(holder, touches);
  if (verdict !== 'own' || touches.what !== 'projects') return;
  const outside = touches.of(call).find((project) => !seesProject(holder, project));
  if (outside !== undefined)
    throw beyond(
      holder,
      `${outside === null ? 'what is of all projects' : `the project ${outside}`} is beyond that`,
    );
}

function refusal(holder: Holder, touches: Closed): OrcaError {
  const { name, role } = holder;
  const refused = (why: string) => new OrcaError('NOT_ALLOWED', `the token "${name}" ${why}`);
  if (touches.what !== 'cluster') return refused(`may only read: it is a ${role}'s`);
  if (touches.does === 'rule') return refused(`is a ${role}'s: ${touches.thing} is for admins`);
  if (role === 'viewer' && touches.does === 'change') return refused("may only read: it is a viewer's");
  return beyond(holder, `${touches.thing} is of the whole cluster`);
}

/** For what a token (or a webhook) that is limited to projects may not see, or does not find in them. */
export function beyond({ kind = 'token', name, projects }: Holder, why: string): OrcaError {
  const limits = `${projects?.length === 1 ? 'project' : 'projects'} ${projects?.join(', ')}`;
  const hint =
    kind === 'token'
      ? 'Use a token of that project, or one that is limited to none.'
      : 'What it brings has names of its own project alone.';
  return new OrcaError('NOT_ALLOWED', `the ${kind} "${name}" is limited to the ${limits}: ${why}`, { hint });
}

/**
 * Whose it is, by the service that it is of; undefined: there is none. A token that is limited to projects is refused in the same words for what
 * is not there and for what is not of its own, so that an id tells it nothing.
 */
export function projectsOfId(holder: Holder, thing: string, service: string | undefined): string[] {
  const project = service === undefined ? null : projectOf(service);
  if (holder.projects !== null && !seesProject(holder, project)) throw beyond(holder, `it sees no ${thing}`);
  return project === null ? [] : [project];
}

export const anything = { what: 'anything' } as const;
export const ownPart = { what: 'own-part' } as const;
export const ofCluster = (does: 'read' | 'change' | 'rule', thing: string) =>
  ({ what: 'cluster', does, thing }) as const;

export const projectOf = (serviceKey: string): string => serviceKey.slice(0, serviceKey.indexOf('/'));
