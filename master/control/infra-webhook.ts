/** What a webhook of an infrastructure repository is asked to be, checked as `[service.build]` is. Refusals are BODY_INVALID. */
import type { AddWebhook } from '../../shared/api-webhooks.js';
import { build, checkBuild } from '../../shared/config/build-schema.js';
import { keyText } from '../../shared/config/problem.js';
import { OrcaError } from '../../shared/errors.js';
import { INFRA_PATHS, type InfraSource } from '../../shared/infra.js';
import { namesIn, secretNameProblem } from '../../shared/secret-reference.js';
import { globProblem } from '../plan/globs.js';

/** Null: the webhook is of one service. */
export function infraOf(request: AddWebhook): InfraSource | null {
  const { infra, prune, infra_paths: paths, deploy_key: key, token_secret: token } = request;
  if (typeof infra === 'string')
    throw bad('infra must be true or false; infra_paths says which files of the repository count');
  if (infra !== true) {
    if (prune !== undefined || paths || key !== undefined || token !== undefined || request.insecure_http)
      throw bad(
        'prune, infra_paths, deploy_key, token_secret and insecure_http are for infra = true; what a service is built from stands in its [service.build]',
      );
    return null;
  }
  if (request.image_tag !== undefined) throw bad('image_tag is of one service');
  if (request.preview)
    throw bad('preview is of one service, and infra names none; add a webhook of its own for the service');
  const source: InfraSource = {
    url: cloneUrl(request),
    paths: paths ?? INFRA_PATHS,
    prune: prune === true,
    deployKey: key === undefined ? null : nameOf('deploy_key', key),
    token: token === undefined ? null : nameOf('token_secret', token),
    insecureHttp: request.insecure_http === true,
  };
  refuseBad(source, request.branch);
  if (request.provider === undefined && !/^(?:[a-z]+:\/\/)?(?:[^@/]+@)?github\.com[:/]/i.test(source.url))
    throw bad('provider is missing: say who calls for this address: github, gitea or gitlab');
  return source;
}

/** The address that git is given; of the two large providers a name is enough. */
function cloneUrl({ repo, provider }: AddWebhook): string {
  if (/[:@]/.test(repo)) return repo.trim();
  if (provider === undefined || provider === 'github') return `https://github.com/${repo}.git`;
  if (provider === 'gitlab') return `https://gitlab.com/${repo}.git`;
  throw bad('repo must be the address that git clones, such as https://git.example.com/org/infra.git');
}

/** A name, or a reference to it as `[service.build]` has it. */
function nameOf(key: string, given: string): string {
  const [referred] = namesIn(given);
  const name = referred ?? given;
  const problem = secretNameProblem(name);
  if (problem !== null) throw bad(`${key} ${problem}`);
  return name;
}

function refuseBad({ url, paths, deployKey, token, insecureHttp }: InfraSource, branch?: string): void {
  const refer = (name: string): string => `\${secrets.${name}}`;
  const table = build.safeParse({
    repo: url,
    ...(branch === undefined ? {} : { branch: branch.replace(/^refs\/heads\//, '') }),
    ...(deployKey === null ? {} : { deploy_key: refer(deployKey) }),
    ...(token === null ? {} : { token: refer(token) }),
    insecure_http: insecureHttp,
  });
  if (!table.success) {
    const [issue] = table.error.issues;
    throw bad(`${keyText((issue?.path ?? []) as string[])} ${issue?.message}`);
  }
  const [problem] = checkBuild(table.data);
  if (problem) throw bad(inWords(`${problem.path.at(-1)} ${problem.message}`));
  for (const path of paths) {
    const wrong =
      path.split('/').includes('..') || /^[/:]/.test(path) ? 'must stay inside' : globProblem(path);
    if (wrong !== null) throw bad(`infra_paths: ${JSON.stringify(path)} ${wrong}`);
  }
}

const inWords = (text: string): string =>
  text
    .replace(/^token /, 'token_secret ')
    .replace('`orca deploy-key create SERVICE` makes one', 'name the secret that holds the private half')
    .replace('https:// takes token', 'https:// takes token_secret')
    .replace('what is built', 'what is deployed');

const bad = (message: string): OrcaError => new OrcaError('BODY_INVALID', message);
