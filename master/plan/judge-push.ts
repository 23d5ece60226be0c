/** Whether a push is one that a webhook deploys, and if not, why: the reason is kept with the delivery. PURE. */
import { OrcaError } from '../../shared/errors.js';
import type { Push, Webhook } from '../../shared/webhook.js';
import { createMatcher } from './globs.js';
import { imageTagAt } from './image-tag.js';
import type { Received } from './read-push.js';

export type Judgement = { kind: 'deploy'; push: Push } | { kind: 'skip'; reason: string; push: Push };

type Of = Pick<Webhook, 'provider' | 'repo' | 'branch' | 'tag' | 'paths' | 'imageTag' | 'infra'>;

export function judgePush(webhook: Of, received: Received, payload: unknown): Judgement {
  const { push } = received;
  const reason = reasonToSkip(webhook, received);
  if (reason !== null) return { kind: 'skip', reason, push };
  if (webhook.imageTag === null) return { kind: 'deploy', push };
  const imageTag = imageTagAt(payload, webhook.imageTag);
  if (imageTag.kind === 'none') return { kind: 'skip', reason: imageTag.reason, push };
  return { kind: 'deploy', push: { ...push, imageTag: imageTag.tag } };
}

/** Repositories are the same whatever their case, as on all three. */
export const isSameRepo = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Of an infrastructure repository the address is known, whose path may have more before the name. */
export const isOf = ({ repo: own, infra }: Pick<Webhook, 'repo' | 'infra'>, repo: string): boolean =>
  isSameRepo(repo, own) ||
  (infra !== undefined && repo.includes('/') && own.toLowerCase().endsWith(`/${repo.toLowerCase()}`));

function reasonToSkip(webhook: Of, received: Received): string | null {
  const { kind, repo, push } = received;
  if (kind === 'ping') return 'a ping, which deploys nothing';
  if (kind === 'pull')
    return `"${push.event}" is no push, and this webhook makes no previews (\`orca webhooks add --preview\`)`;
  if (kind === 'other') return `"${push.event}" is no push; only pushes deploy`;
  const other = otherRepo(webhook, repo);
  if (other !== null) return other;
  if (webhook.provider === 'generic' && push.ref === null)
    return webhook.branch === null && webhook.tag === null
      ? null
      : 'its payload has no "ref", and this webhook is for some only';
  return refReason(webhook, received);
}

/** Null: it is of the webhook's repository. */
export function otherRepo(
  webhook: Pick<Of, 'provider' | 'repo' | 'infra'>,
  repo: string | null,
): string | null {
  if (webhook.provider === 'generic' || (repo !== null && isOf(webhook, repo))) return null;
  return `it is of the repository ${repo === null ? 'that it does not name' : shown(repo)}, not of ${webhook.repo}`;
}

function refReason(webhook: Of, received: Received): string | null {
  const { push, isDeletion } = received;
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/.exec(push.ref ?? '') ?? [];
  if (kind === undefined) return `${shown(push.ref ?? 'nothing')} is neither a branch nor a tag`;
  if (isDeletion) return `the ${kind === 'tags' ? 'tag' : 'branch'} ${shown(name)} was deleted`;
  if (kind === 'tags') return tagReason(webhook, name);
  const branch = webhook.branch ?? (webhook.tag === null ? branchOf(webhook, received) : null);
  if (branch === null && webhook.tag !== null) return `${shown(name)} is a branch; this webhook is for tags`;
  if (branch !== null && branch !== name)
    return `the branch ${shown(name)} is not ${branch}, which is what deploys`;
  return skipReason(received.headMessage) ?? pathReason(webhook, received.touched);
}

/** Of a repository that does not say, `main`; generic payloads may be of any. */
const branchOf = ({ provider }: Of, { defaultBranch }: Received): string | null =>
  provider === 'generic' ? null : (defaultBranch ?? 'main');

function tagReason({ tag }: Of, name: string): string | null {
  if (tag === null) return `${shown(name)} is a tag, and this webhook has no --tag`;
  return createMatcher([tag], false)(name) ? null : `the tag ${shown(name)} is not of ${tag}`;
}

/** A release's commit often says "skip ci" where its tag is to deploy, so that this is asked of branches only. */
export function skipReason(message: string): string | null {
  const found = /\[(skip (ci|deploy)|(ci|deploy) skip|no ci)\]/i.exec(message);
  return found ? `its head commit says ${found[0].toLowerCase()}` : null;
}

/** Of paths, for each glob: to match more takes longer than it is worth, and counts as touching. 10 globs of 3,000 paths are well below. */
const MAX_MATCHED_CHARS = 4_000_000;

function pathReason({ paths }: Of, touched: string[] | null): string | null {
  if (paths.length === 0 || touched === null) return null;
  const chars = touched.reduce((sum, path) => sum + path.length, 0);
  if (paths.length * chars > MAX_MATCHED_CHARS) return null;
  const matches = createMatcher(paths, true);
  if (touched.some((path) => matches(path))) return null;
  const count = touched.length === 1 ? 'the one path' : `none of the ${touched.length} paths`;
  return touched.length === 1
    ? `${count} that it touches is not of ${paths.join(', ')}`
    : `${count} that it touches is of ${paths.join(', ')}`;
}

const shown = (text: string): string =>
  text.length > 100 ? `${text.slice(0, 100)}…` : text.replace(/\p{Cc}/gu, '');

/** Refuses with BODY_INVALID what can't be a repository's name; answers `org/name` of a URL too. */
export function repoName(text: string): string {
  const name = text
    .trim()
    .replace(/^[a-z][a-z+.-]*:\/\/([^/@]*@)?[^/]+\//i, '')
    .replace(/^[^/@:\s]+@[^/:\s]+:/, '')
    .replace(/\.git$/, '')
    .replace(/^\/+|\/+$/g, '');
  const isName =
    name.length <= 255 && /^[\w.-]+(\/[\w.-]+)+$/.test(name) && !/(^|\/)\.{1,2}(\/|$)/.test(name);
  if (isName) return name;
  throw new OrcaError('BODY_INVALID', `repo must be such as org/myapp; it is ${JSON.stringify(shown(text))}`);
}
