/**
 * What a payload of GitHub, Gitea (Forgejo) or GitLab says, in one form. PURE. What is of a wrong type is refused with its place; what
 * is missing is unknown. Of text only the first line is taken, bounded, and without control characters.
 *
 * The forms: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push · https://docs.gitea.com/usage/webhooks ·
 * https://docs.gitlab.com/user/project/integrations/webhook_events/
 */
import * as z from 'zod';
import type { Provider, Push } from '../../shared/webhook.js';
import { isPullEvent, type Pull, readPull } from './read-pull.js';
import { touchedPaths } from './touched.js';

export interface Received {
  kind: 'push' | 'ping' | 'pull' | 'other';
  /** `org/name`; null: it names none. */
  repo: string | null;
  defaultBranch: string | null;
  isDeletion: boolean;
  /** The whole message of the head commit. */
  headMessage: string;
  /** Every path that it touches; null: not known. */
  touched: string[] | null;
  push: Push;
  /** Of what is about a pull request; absent: it is not. */
  pull?: Pull;
}

export type Reading = { kind: 'read'; received: Received } | { kind: 'bad'; reason: string };

const word = z.string().nullish();
const person = z.object({ name: word, username: word, login: word }).nullish();
const names = z.array(z.string()).nullish();
const commitSchema = z.object({
  ...{ id: word, message: word, author: person },
  ...{ added: names, removed: names, modified: names },
});
const repositorySchema = z
  .object({
    full_name: word,
    path_with_namespace: word,
    default_branch: word,
    pushed_at: z.unknown().optional(),
  })
  .nullish();
const anySchema = z.object({ repository: repositorySchema, project: repositorySchema });
const pushSchema = anySchema.extend({
  ...{ ref: z.string().max(512), before: word, after: word, checkout_sha: word, message: word },
  ...{ created: z.boolean().nullish(), deleted: z.boolean().nullish(), forced: z.boolean().nullish() },
  ...{ head_commit: commitSchema.nullish(), commits: z.array(commitSchema).nullish() },
  ...{ total_commits: z.number().nullish(), total_commits_count: z.number().nullish() },
  ...{ pusher: person, sender: person, user_username: word, user_name: word },
});
type Payload = z.output<typeof pushSchema>;

const pushEvents: Record<Provider, readonly string[]> = {
  github: ['push'],
  gitea: ['push'],
  gitlab: ['Push Hook', 'Tag Push Hook'],
  generic: [],
};

/** `event` is what the header of the provider says; of `generic` everything is a push of what it says itself. */
export function readPush(provider: Provider, event: string, payload: unknown): Reading {
  const kind = kindOf(provider, event);
  const schema = kind === 'push' && provider !== 'generic' ? pushSchema : anySchema;
  const isLoose = provider === 'generic' && kind === 'push';
  const parsed = schema.safeParse(isLoose ? {} : payload);
  if (!parsed.success) return bad(parsed.error);
  const generic = isLoose ? genericOf(payload) : {};
  const data = { commits: null, ...parsed.data, ...generic } as Partial<Payload>;
  const received: Received = { kind, ...factsOf(event, data) };
  if (kind !== 'pull') return { kind: 'read', received };
  const pull = readPull(provider, payload);
  return pull instanceof z.ZodError ? bad(pull) : { kind: 'read', received: withPull(received, pull) };
}

function bad({ issues: [issue] }: z.ZodError): Reading {
  return { kind: 'bad', reason: `${issue?.path.join('.') || 'the payload'}: ${issue?.message}` };
}

/** What is shown of it is what is shown of a push of its head. */
function withPull(received: Received, pull: Pull): Received {
  const push = {
    ...received.push,
    ref: pull.pullRef,
    commit: commitOf(pull.sha),
    author: pull.author === null ? received.push.author : firstLine(pull.author, 80),
    message: pull.title === '' ? null : firstLine(pull.title, 200),
    pushedAtMs: pull.updatedAtMs,
  };
  const baseBranch = pull.baseBranch === null ? null : firstLine(pull.baseBranch, 255);
  return { ...received, push, pull: { ...pull, verb: firstLine(pull.verb, 40), baseBranch } };
}

function kindOf(provider: Provider, event: string): Received['kind'] {
  if (event === 'ping') return 'ping';
  if (isPullEvent(provider, event)) return 'pull';
  return provider === 'generic' || pushEvents[provider].includes(event) ? 'push' : 'other';
}

/** Any JSON: what looks like a push's counts, and nothing has to be there. */
function genericOf(payload: unknown): Partial<Payload> {
  const found = z.object({ ref: z.string().max(512), commit: word, after: word, message: word }).partial();
  const parsed = found.safeParse(payload);
  if (!parsed.success) return {};
  const { ref, commit, after, message } = parsed.data;
  return { ...(ref === undefined ? {} : { ref }), after: after ?? commit ?? null, message: message ?? null };
}

function factsOf(event: string, data: Partial<Payload>): Omit<Received, 'kind'> {
  const of = data.repository?.full_name ? data.repository : (data.project ?? data.repository);
  const commit = commitOf(data.after) ?? commitOf(data.checkout_sha);
  const head =
    data.head_commit ?? data.commits?.find(({ id }) => commitOf(id) === commit) ?? data.commits?.at(-1);
  const headMessage = head?.message ?? data.message ?? '';
  const touched = touchedPaths(data);
  const who = data.pusher ?? data.sender;
  const author = who?.login ?? who?.username ?? who?.name ?? data.user_username ?? data.user_name ?? null;
  return {
    repo: of?.full_name ?? of?.path_with_namespace ?? null,
    defaultBranch: of?.default_branch ?? null,
    isDeletion: data.deleted === true || isZero(data.after),
    headMessage,
    touched,
    push: {
      event: firstLine(event, 40),
      ref: data.ref === undefined ? null : firstLine(data.ref, 512),
      before: commitOf(data.before),
      commit,
      author: author === null ? null : firstLine(author, 80),
      message: headMessage === '' ? null : firstLine(headMessage, 200),
      paths: (touched ?? []).slice(0, KEPT_PATHS).map((path) => firstLine(path, 200)),
      pathCount: touched?.length ?? null,
      pushedAtMs: typeof of?.pushed_at === 'number' ? of.pushed_at * 1_000 : null,
      imageTag: null,
    },
  };
}

const KEPT_PATHS = 20;

/** The object that isn't there, as git writes it. */
const isZero = (sha: string | null | undefined): boolean => typeof sha === 'string' && /^0+$/.test(sha);

/** SHA-1 or SHA-256. */
function commitOf(sha: string | null | undefined): string | null {
  return typeof sha === 'string' && /^[0-9a-f]{40}([0-9a-f]{24})?$/i.test(sha) && !isZero(sha)
    ? sha.toLowerCase()
    : null;
}

/** Control characters, marks that turn the direction of text, and halves of characters are left out. */
function firstLine(text: string, max: number): string {
  const [line = ''] = text.slice(0, 4 * max).split(/[\r\n]/);
  return line.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '').slice(0, max);
}
