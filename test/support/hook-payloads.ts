/**
 * Calls as providers make them: headers and bodies with the fields that each documents, and values of our own.
 *
 * GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads (delivery headers, `push`, `ping`) · Gitea:
 * https://docs.gitea.com/usage/webhooks (event information; `head_commit`, `total_commits` and the lists of files since 1.8) · GitLab:
 * https://docs.gitlab.com/user/project/integrations/webhook_events/ (push events, tag events) and webhooks/ (delivery headers)
 */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Provider } from '../../shared/webhook.js';

export interface PushOptions {
  repo?: string;
  ref?: string;
  before?: string;
  after?: string;
  message?: string;
  author?: string;
  modified?: string[];
}

export const NO_COMMIT = '0'.repeat(40);
export const aCommit = (): string => randomBytes(20).toString('hex');

const person = (login: string) => ({ name: login, email: `${login}@example.com` });

function commitOf({ after = aCommit(), message = 'Mend the door', author = 'alice', modified }: PushOptions) {
  return {
    id: after,
    tree_id: aCommit(),
    distinct: true,
    message,
    timestamp: '2026-01-31T12:00:00+01:00',
    url: `https://git.example.com/commit/${after}`,
    author: { ...person(author), username: author },
    committer: { ...person(author), username: author },
    added: [] as string[],
    removed: [] as string[],
    modified: modified ?? ['README.md'],
  };
}

/** GitHub's `push`. */
export function githubPush(options: PushOptions = {}) {
  const { repo = 'org/myapp', ref = 'refs/heads/main', before = aCommit(), author = 'alice' } = options;
  const commit = commitOf(options);
  const [owner = '', name = ''] = repo.split('/');
  return {
    ref,
    before,
    after: commit.id,
    repository: {
      id: 186_853_002,
      node_id: 'R_kgDOA',
      name,
      full_name: repo,
      private: true,
      owner: { ...person(owner), login: owner, id: 21, type: 'Organization' },
      html_url: `https://github.com/${repo}`,
      description: null,
      fork: false,
      created_at: 1_557_933_565,
      updated_at: '2026-01-31T11:00:00Z',
      pushed_at: 1_769_857_200,
      clone_url: `https://github.com/${repo}.git`,
      default_branch: 'main',
      visibility: 'private',
    },
    pusher: person(author),
    sender: { login: author, id: 42, type: 'User', site_admin: false },
    created: false,
    deleted: false,
    forced: false,
    base_ref: null,
    compare: `https://github.com/${repo}/compare/a...b`,
    commits: [commit],
    head_commit: commit as ReturnType<typeof commitOf> | null,
  };
}

/** GitHub's `push` of a branch that was deleted. */
export const githubDeletion = (options: PushOptions = {}) => ({
  ...githubPush(options),
  ...{ after: NO_COMMIT, deleted: true, commits: [], head_commit: null },
});

/** GitHub's `ping`, which it sends when a webhook is made. */
export const githubPing = (repo = 'org/myapp') => ({
  zen: 'Design for failure.',
  hook_id: 109_948_940,
  hook: { type: 'Repository', id: 109_948_940, name: 'web', active: true, events: ['push'], config: {} },
  repository: githubPush({ repo }).repository,
  sender: githubPush().sender,
});

/** Gitea's `push`. */
export function giteaPush(options: PushOptions = {}) {
  const { repo = 'org/myapp', ref = 'refs/heads/main', before = aCommit(), author = 'alice' } = options;
  const { distinct: _, tree_id: __, ...commit } = commitOf(options);
  const user = { id: 1, login: author, full_name: 'Alice', email: `${author}@example.com`, username: author };
  return {
    ref,
    before,
    after: commit.id,
    compare_url: `https://git.example.com/${repo}/compare/a...b`,
    commits: [commit],
    total_commits: 1,
    head_commit: commit,
    repository: {
      id: 140,
      owner: user,
      name: repo.split('/')[1],
      full_name: repo,
      private: false,
      fork: false,
      clone_url: `https://git.example.com/${repo}.git`,
      default_branch: 'main',
      created_at: '2026-01-01T04:29:06-05:00',
    },
    pusher: user,
    sender: user,
  };
}

/** GitLab's push and tag push events. */
export function gitlabPush(options: PushOptions = {}) {
  const { repo = 'org/myapp', ref = 'refs/heads/main', before = aCommit(), author = 'alice' } = options;
  const { distinct: _, tree_id: __, committer: ___, ...commit } = commitOf(options);
  const kind = ref.startsWith('refs/tags/') ? 'tag_push' : 'push';
  return {
    object_kind: kind,
    event_name: kind,
    before,
    after: commit.id,
    ref,
    ref_protected: true,
    checkout_sha: commit.id,
    user_id: 4,
    user_name: 'Alice',
    user_username: author,
    user_email: `${author}@example.com`,
    project_id: 15,
    project: {
      id: 15,
      name: repo.split('/').at(-1),
      git_http_url: `https://gitlab.example.com/${repo}.git`,
      namespace: repo.split('/')[0],
      visibility_level: 0,
      path_with_namespace: repo,
      default_branch: 'main',
    },
    commits: [{ ...commit, title: commit.message, author: person(author) }],
    total_commits_count: 1,
    repository: {
      name: repo.split('/').at(-1),
      url: `git@gitlab.example.com:${repo}.git`,
      visibility_level: 0,
    },
  };
}

export interface HookCall {
  body: string;
  headers: Record<string, string>;
}

export interface Signing {
  event?: string;
  id?: string;
}

/** The call as the provider would make it, signed with the secret. */
export function signedCall(
  provider: Provider,
  secret: string,
  payload: object | string,
  { event, id = randomUUID() }: Signing = {},
): HookCall {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const hmac = createHmac('sha256', secret).update(body).digest('hex');
  const headers: Record<Provider, Record<string, string>> = {
    github: {
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-delivery': id,
      'x-github-event': event ?? 'push',
      'x-github-hook-id': '109948940',
      'x-github-hook-installation-target-type': 'repository',
      'x-hub-signature-256': `sha256=${hmac}`,
    },
    gitea: {
      'x-github-delivery': id,
      'x-github-event': event ?? 'push',
      'x-gitea-delivery': id,
      'x-gitea-event': event ?? 'push',
      'x-gitea-event-type': event ?? 'push',
      'x-gitea-signature': hmac,
      'x-hub-signature-256': `sha256=${hmac}`,
    },
    gitlab: {
      'user-agent': 'GitLab/18.0.0',
      'x-gitlab-event': event ?? 'Push Hook',
      'x-gitlab-event-uuid': randomUUID(),
      'x-gitlab-instance': 'https://gitlab.example.com',
      'idempotency-key': id,
      'x-gitlab-token': secret,
    },
    generic: { 'x-hub-signature-256': `sha256=${hmac}`, 'x-orca-delivery': id },
  };
  return { body, headers: { 'content-type': 'application/json', ...headers[provider] } };
}
