/**
 * The keys of `[service.build]`. What is handed to git and Docker is refused here when it could be taken for something else there: names that
 * begin with "-", that hold blanks, control characters, "$" or quotes, and paths that lead out of the repository.
 */
import * as z from 'zod';
import { slowGlobProblem } from '../glob-limits.js';
import { namesIn } from '../secret-reference.js';
import type { BuildSpec } from '../spec.js';
import { duration, envName, memory, secretName, text } from './fields.js';
import { list, MAX_WORD, most, shown, tableOf } from './limits.js';
import type { Problem } from './problem.js';

/** Letters and digits first; nothing that a shell, git or a URL reads as more than a letter. */
const NAME = /^[\p{L}\p{N}_.][\p{L}\p{N}_./+@#=~-]*$/u;

/** As `git check-ref-format` has it, and stricter. */
const ref = text((value) => {
  const isName =
    NAME.test(value) && !/^\.|\.\.|\/\/|\/\.|@\{|\.lock(\/|$)|[./]$/.test(value) && value !== '@';
  return isName
    ? null
    : `must be the name of a branch, such as "main" or "release/1.4"; it is ${shown(value)}`;
});

const inside = text((value) => {
  if (!NAME.test(value) && value !== '.')
    return `must be a path such as "api/Dockerfile": letters, digits and . _ / + @ # = ~ -, not "-" first; it is ${shown(value)}`;
  return value.split('/').includes('..')
    ? `must stay inside the repository, without ".."; it is ${shown(value)}`
    : null;
});

const target = text((value) =>
  /^[A-Za-z0-9_][\w.-]*$/.test(value)
    ? null
    : `must be the name of a stage, such as "runtime"; it is ${shown(value)}`,
);

const platform = text((value) =>
  /^linux\/(amd64|arm64)$/.test(value) ? null : `must be linux/amd64 or linux/arm64; it is ${shown(value)}`,
);

/** A reference alone: what is written here itself would be in the store, and in everybody's file. */
const secret = text((value) =>
  namesIn(value).length === 1 && /^\$\{secrets\.[^}]+\}$/.test(value)
    ? null
    : `must be a secret, such as "${'$'}{secrets.repo_key}", and never the value itself`,
);

const arg = text((value) => {
  if (value.includes('\0')) return 'must hold no NUL character';
  return value.includes('$' + '{secrets')
    ? 'is kept in the image, where everybody can read it: a secret must not be a build argument'
    : null;
}, MAX_WORD);

const SECRET_ID = /^[A-Za-z0-9_][\w.-]{0,126}$/;

export const build = z.strictObject({
  repo: text(repoProblem),
  branch: ref.optional(),
  dockerfile: inside.optional(),
  context: inside.optional(),
  target: target.optional(),
  platform: platform.optional(),
  deploy_key: secret.optional(),
  token: secret.optional(),
  insecure_http: z.boolean().optional(),
  paths: list(text(slowGlobProblem), most.paths).optional(),
  args: tableOf(envName, arg, most.args).optional(),
  secrets: z.union([list(secretName, most.args), tableOf(z.string(), secret, most.args)]).optional(),
  timeout: duration(1_000, 24 * 3_600_000).optional(),
  memory: memory.optional(),
  cpu: z.number().min(0.1).max(1_024).optional(),
});
export type BuildTable = z.output<typeof build>;

/** How long a build may take, from its clone on. */
const TIMEOUT_MS = 20 * 60_000;

/** Total: what it gets has been checked. What was not given and came later stays absent. */
export function buildOf(table: BuildTable): BuildSpec {
  const context = plain(table.context ?? '.');
  return {
    repo: table.repo,
    branch: table.branch ?? 'main',
    dockerfile: plain(table.dockerfile ?? (context === '.' ? 'Dockerfile' : `${context}/Dockerfile`)),
    context,
    deployKey: table.deploy_key ?? null,
    paths: table.paths ?? [],
    args: table.args ?? {},
    ...(table.token === undefined ? {} : { token: table.token }),
    ...secretsOf(table.secrets),
    ...(table.target === undefined ? {} : { target: table.target }),
    ...(table.platform === undefined ? {} : { platform: table.platform }),
    ...(table.insecure_http ? { insecureHttp: true } : {}),
    timeoutMs: table.timeout ?? TIMEOUT_MS,
    ...(table.memory === undefined ? {} : { memoryBytes: table.memory }),
    ...(table.cpu === undefined ? {} : { cpus: table.cpu }),
  };
}

function secretsOf(table: BuildTable['secrets']): Pick<BuildSpec, 'mounted'> {
  if (table === undefined) return {};
  const named = (name: string): [string, string] => [name, `\${secrets.${name}}`];
  const mounted = Array.isArray(table) ? Object.fromEntries(table.map(named)) : table;
  return Object.keys(mounted).length === 0 ? {} : { mounted };
}

/** `./api/` → `api`. */
function plain(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? '.' : parts.join('/');
}

/** What BuildKit takes as the scope of caches that steps mount. */
const CACHE_ARG = 'BUILDKIT_CACHE_MOUNT_NS';

/** What can't go together; of a table whose values are each right. */
export function checkBuild(table: BuildTable | undefined): Problem[] {
  if (!table) return [];
  const problems: Problem[] = [];
  const add = (key: string, message: string): void => void problems.push({ path: ['build', key], message });
  const isSsh = !/^https?:/.test(table.repo);
  if (isSsh && table.token !== undefined)
    add('token', 'is for https:// repositories; one over ssh takes deploy_key');
  if (!isSsh && table.deploy_key !== undefined)
    add(
      'deploy_key',
      'is for repositories over ssh, such as "git@github.com:org/repo.git"; https:// takes token',
    );
  if (isSsh && table.deploy_key === undefined)
    add('deploy_key', 'is required over ssh; `orca deploy-key create SERVICE` makes one');
  const id = Object.keys(secretsOf(table.secrets).mounted ?? {}).find((one) => !SECRET_ID.test(one));
  if (id !== undefined)
    add(
      'secrets',
      `must have the ids that the Dockerfile mounts them with, such as "NPM_TOKEN"; one is ${shown(id)}`,
    );
  if (Object.hasOwn(table.args ?? {}, CACHE_ARG))
    problems.push({
      path: ['build', 'args', CACHE_ARG],
      message: 'is given by Orca: what steps keep with --mount=type=cache is of the project alone',
    });
  const isPlain = table.repo.startsWith('http:');
  if (isPlain && table.insecure_http !== true)
    add(
      'repo',
      'must be https:// or ssh; with insecure_http = true anybody on the way can change what is built',
    );
  if (isPlain && table.token !== undefined)
    add('token', 'would be readable on the way over http://; use https:// or ssh');
  return problems;
}

const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])';
const PATH = '[A-Za-z0-9_~.%+@/-]+';
const FORMS = [
  new RegExp(`^https?://${HOST}(?::\\d{1,5})?/${PATH}$`),
  new RegExp(`^ssh://(?:[A-Za-z0-9_][\\w.-]*@)?${HOST}(?::\\d{1,5})?/${PATH}$`),
  new RegExp(`^[A-Za-z0-9_][\\w.-]*@${HOST}:(?!/?-)${PATH}$`),
];

function repoProblem(value: string): string | null {
  if (/^https?:\/\/[^/]*@/.test(value))
    return 'must hold no user or password; put a token into a secret, and name that as token';
  if (/^(file|git|ext|fd):|^[./]/.test(value))
    return `must be https:// or ssh, such as "git@github.com:org/repo.git"; ${shown(value)} is not cloned`;
  const isOne = FORMS.some((form) => form.test(value)) && !value.split(/[/:]/).includes('..');
  return isOne
    ? null
    : `must be such as "https://github.com/org/repo.git" or "git@github.com:org/repo.git"; it is ${shown(value)}`;
}
