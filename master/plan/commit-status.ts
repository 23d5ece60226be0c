/**
 * What a commit is told at its provider of the delivery that deploys it, and how. PURE.
 *
 * The calls: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status · https://docs.gitea.com/api/ (repoCreateStatus) ·
 * https://docs.gitlab.com/api/commits/#set-the-pipeline-status-of-a-commit (read 2026-11).
 */
import { isInfraKey } from '../../shared/infra.js';
import { reachOf } from '../../shared/inner-address.js';
import {
  type CommitState,
  commitStates,
  type Delivery,
  MAX_REPORT_FAILURES,
  type Provider,
  type Report,
} from '../../shared/webhook.js';

export interface CommitStatus {
  state: CommitState;
  /** One line. */
  description: string;
}

export interface StatusCall {
  url: string;
  headers: Record<string, string>;
  body: Record<string, string>;
}

/** A new delivery of a webhook that reports; absent where nobody can be told: it names no commit, or asks for nothing. */
export const firstReport = (
  { push, state }: Pick<Delivery, 'push' | 'state'>,
  reports: boolean,
): { report: Report } | object =>
  reports && push.commit !== null && state !== 'skipped' ? { report: { ...NEW_REPORT } } : {};

export const NEW_REPORT: Report = { told: null, tried: null, failures: 0, nextAtMs: 0, problem: null };

export function statusOf({ state, reason }: Pick<Delivery, 'state' | 'reason'>): CommitStatus {
  const why = reason === null ? '' : `: ${reason}`;
  const told = commitStates[state];
  return { state: told, description: told === 'pending' ? words.pending : `${words[told]}${why}` };
}

const words: Record<CommitState, string> = {
  pending: 'is being deployed',
  success: 'deployed',
  failure: 'the deploy failed',
  error: 'not deployed',
};

/** GitHub refuses a longer description, GitLab one over 255; what is cut stands in `orca webhooks deliveries`. */
const MAX_DESCRIPTION = 140;

/** `api`: without a slash at its end; `link`: where the service is seen; null: nowhere from outside. */
export function statusCall(
  provider: Exclude<Provider, 'generic'>,
  given: {
    api: string;
    repo: string;
    commit: string;
    service: string;
    status: CommitStatus;
    link: string | null;
    token: string;
  },
): StatusCall {
  const { api, repo, commit, service, status, link, token } = given;
  const context = isInfraKey(service) ? 'orca/infra' : `orca/${service}`;
  const description = cut(status.description, MAX_DESCRIPTION);
  const target = link === null ? {} : { target_url: link };
  if (provider === 'gitlab')
    return {
      url: `${api}/projects/${encodeURIComponent(repo)}/statuses/${commit}`,
      headers: { 'private-token': token },
      body: { state: gitlabStates[status.state], name: context, description, ...target },
    };
  const path = repo.split('/').map(encodeURIComponent).join('/');
  return {
    url: `${api}/repos/${path}/statuses/${commit}`,
    headers: { authorization: `${provider === 'github' ? 'Bearer' : 'token'} ${token}` },
    body: { state: status.state, context, description, ...target },
  };
}

/** GitLab knows no error; what took no place is `canceled` there. */
const gitlabStates: Record<CommitState, string> = {
  pending: 'running',
  success: 'success',
  failure: 'failed',
  error: 'canceled',
};

function cut(text: string, max: number): string {
  const [line = ''] = text.split('\n');
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}

/** Where the API of a provider's own site is; null: the address has to be given. */
export const apiOf = (provider: Provider): string | null =>
  ({ github: 'https://api.github.com', gitlab: 'https://gitlab.com/api/v4', gitea: null, generic: null })[
    provider
  ];

/** Why an address is none that a token may be sent to; null: it is one. In the clear only to this very host, and that, like any other
 *  address inside, for who `reachesInside` alone: the master is who calls there. */
export function apiProblem(text: string, reachesInside: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHere = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)))
    return 'must be an https URL, such as https://git.example.com/api/v1';
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return 'must be an address alone: the token comes from the secret, and nothing follows the path';
  if (!reachesInside && (url.protocol === 'http:' || isInside(url.hostname)))
    return "must be the https URL of a host outside: one of the master's own, or a private address, is for admins to name";
  return null;
}

/** What a name leads to is seen when it is called. */
const isInside = (hostname: string): boolean =>
  /(^|\.)localhost\.?$/.test(hostname) || (reachOf(hostname) ?? 'public') !== 'public';

const MINUTE_MS = 60_000;
const delaysMs = [10_000, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS];

/** What a delivery knows after it was tried to tell `state`; `notBeforeMs` 0: the provider named no time. */
export function afterTry(
  report: Report,
  state: CommitState,
  refusal: { reason: string; notBeforeMs: number } | null,
  nowMs: number,
): Report {
  if (refusal === null) return { ...NEW_REPORT, told: state };
  const failures = report.tried === state ? report.failures + 1 : 1;
  const delayMs = delaysMs[failures - 1] ?? 60 * MINUTE_MS;
  const end = failures < MAX_REPORT_FAILURES ? '' : '; it is not tried any more';
  const nextAtMs = Math.max(nowMs + delayMs, refusal.notBeforeMs);
  return { ...report, tried: state, failures, nextAtMs, problem: `${refusal.reason}${end}` };
}
