/**
 * Calls about pull requests as providers make them: the fields that each documents, with values of our own.
 *
 * GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request (`opened`, `synchronize` with `before` and `after`,
 * `closed`; `head.repo` is null when a fork was deleted) · Gitea: https://docs.gitea.com/usage/webhooks and `PullRequestPayload` of
 * `modules/structs/hook.go` (`X-Gitea-Event: pull_request`; `synchronized`) · GitLab:
 * https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events (`X-Gitlab-Event: Merge Request Hook`; `oldrev` only
 * where commits were pushed)
 */
import { aCommit, giteaPush, githubPush, gitlabPush } from './hook-payloads.js';

export interface PullOptions {
  repo?: string;
  number?: number;
  /** In GitHub's words. */
  action?: string;
  head?: string;
  branch?: string;
  base?: string;
  /** Null: it was deleted. */
  headRepo?: string | null;
  title?: string;
  author?: string;
  updatedAt?: string;
}

/** With what is not given, as the first call of a pull request has it. */
function whole({ repo = 'org/myapp', ...options }: PullOptions) {
  return {
    ...{ repo, number: 12, action: 'opened', head: aCommit(), branch: 'feature', base: 'main' },
    ...{ headRepo: repo, title: 'Paint the door', author: 'alice' },
    ...options,
  };
}

/** GitHub's `pull_request`. */
export function githubPull(options: PullOptions = {}) {
  const { repo, number, action, head, branch, base, headRepo, title, author } = whole(options);
  const { repository, sender } = githubPush({ repo, author });
  const isClosed = action === 'closed';
  const user = { login: author, id: 42, type: 'User', site_admin: false };
  const ended = (full_name: string | null) =>
    full_name === null ? null : { ...repository, full_name, fork: full_name !== repo };
  return {
    action,
    number,
    pull_request: {
      id: 279_147_437,
      url: `https://api.github.com/repos/${repo}/pulls/${number}`,
      html_url: `https://github.com/${repo}/pull/${number}`,
      number,
      state: isClosed ? 'closed' : 'open',
      locked: false,
      title,
      user,
      body: 'It was green.',
      created_at: '2026-01-31T10:00:00Z',
      updated_at: options.updatedAt ?? '2026-01-31T12:00:00Z',
      closed_at: isClosed ? '2026-01-31T12:00:00Z' : null,
      merged_at: null,
      merge_commit_sha: aCommit(),
      draft: false,
      head: {
        label: `${headRepo?.split('/')[0] ?? 'unknown'}:${branch}`,
        ref: branch,
        sha: head,
        user,
        repo: ended(headRepo),
      },
      base: { label: `org:${base}`, ref: base, sha: aCommit(), user, repo: repository },
      merged: false,
      commits: 1,
      additions: 1,
      deletions: 1,
      changed_files: 1,
    },
    ...(action === 'synchronize' ? { before: aCommit(), after: head } : {}),
    repository,
    sender,
  };
}

/** Gitea's `pull_request`; also what Forgejo sends. */
export function giteaPull(options: PullOptions = {}) {
  const { repo, number, action, head, branch, base, headRepo, title, author } = whole(options);
  const { repository, sender } = giteaPush({ repo, author });
  const end = (ref: string, sha: string, full_name: string | null) => ({
    label: ref,
    ref,
    sha,
    repo_id: full_name === repo ? 140 : 141,
    repo: full_name === null ? null : { ...repository, full_name, fork: full_name !== repo },
  });
  return {
    action: action === 'synchronize' ? 'synchronized' : action,
    number,
    pull_request: {
      id: 7,
      url: `https://git.example.com/${repo}/pulls/${number}`,
      number,
      user: sender,
      title,
      body: 'It was green.',
      labels: [],
      milestone: null,
      assignee: null,
      state: action === 'closed' ? 'closed' : 'open',
      html_url: `https://git.example.com/${repo}/pulls/${number}`,
      mergeable: true,
      merged: false,
      merged_at: null,
      merge_base: aCommit(),
      base: end(base, aCommit(), repo),
      head: end(branch, head, headRepo),
      created_at: '2026-01-31T10:00:00Z',
      updated_at: options.updatedAt ?? '2026-01-31T12:00:00Z',
      closed_at: null,
    },
    requested_reviewer: null,
    repository,
    sender,
    commit_id: '',
    review: null,
  };
}

const merges: Record<string, string> = {
  opened: 'open',
  reopened: 'reopen',
  synchronize: 'update',
  closed: 'close',
};

/** GitLab's merge request events. */
export function gitlabMerge(options: PullOptions = {}) {
  const { repo, number, action, head, branch, base, headRepo, title, author } = whole(options);
  const { project, repository } = gitlabPush({ repo });
  const isMerged = action === 'merge';
  return {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: { id: 4, name: 'Alice', username: author, avatar_url: null, email: `${author}@example.com` },
    project,
    repository,
    object_attributes: {
      id: 99,
      iid: number,
      target_branch: base,
      source_branch: branch,
      source_project_id: headRepo === repo ? 15 : 16,
      target_project_id: 15,
      author_id: 4,
      title,
      created_at: '2026-01-31 10:00:00 UTC',
      updated_at: (options.updatedAt ?? '2026-01-31T12:00:00Z').replace('T', ' ').replace('Z', ' UTC'),
      state: isMerged ? 'merged' : action === 'closed' ? 'closed' : 'opened',
      merge_status: 'unchecked',
      url: `https://gitlab.example.com/${repo}/-/merge_requests/${number}`,
      source: headRepo === null ? null : { ...project, path_with_namespace: headRepo },
      target: project,
      last_commit: {
        id: head,
        message: 'Mend the door',
        title: 'Mend the door',
        timestamp: '2026-01-31T12:00:00+01:00',
        url: `https://gitlab.example.com/${repo}/-/commit/${head}`,
        author: { name: 'Alice', email: `${author}@example.com` },
      },
      draft: false,
      work_in_progress: false,
      action: merges[action] ?? action,
      ...(action === 'synchronize' ? { oldrev: aCommit() } : {}),
    },
    labels: [],
    changes: {},
  };
}
