/** `orca token create|list|revoke|rotate`: who may use the API. The text of a token is printed once, alone, when it is made. */
import type { TokenCreated, TokensReply, TokenView } from '../../shared/api-tokens.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { fromElsewhere } from '../from-elsewhere.js';
import { localTime, since } from '../time.js';

type Action = (context: Context) => Promise<number>;

export async function token(context: Context): Promise<number> {
  const actions: Record<string, Action> = { create, list, revoke, rotate };
  const [action = ''] = context.args;
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (run) return await run(context);
  throw new OrcaError(
    'USAGE',
    `there is no "orca token ${action}"; there are create, list, revoke and rotate`,
  );
}

async function create(context: Context): Promise<number> {
  const { options } = context;
  const name = optionText(options, 'name') ?? context.args[1];
  if (name === undefined)
    throw new OrcaError('USAGE', 'name the token: orca token create --name ci --role deployer');
  const role = optionText(options, 'role');
  if (role !== 'admin' && role !== 'deployer' && role !== 'viewer')
    throw new OrcaError(
      'USAGE',
      `--role must be admin, deployer or viewer; it is ${JSON.stringify(role ?? null)}`,
    );
  const body = { name, role, projects: projectsOf(context), ttl_secs: secondsOf(context, 'ttl', '90d') };
  const client = await context.connect();
  tell(context, await client.post<TokenCreated>('/tokens', body), client.url);
  return 0;
}

async function rotate(context: Context): Promise<number> {
  const name = nameOf(context);
  const body = { overlap_secs: secondsOf(context, 'overlap', '1h') };
  const client = await context.connect();
  const made = await client.post<TokenCreated>(`/tokens/${encodeURIComponent(name)}/rotate`, body);
  tell(context, made, client.url);
  if (!context.json && made.source === 'cluster.token')
    context.output.note("it is in the master's home already (cluster.token)");
  return 0;
}

/** The text alone is on stdout. */
function tell({ json, output }: Context, made: TokenCreated, url: string): void {
  if (json) {
    output.json(made);
    return;
  }
  const { token: text, expires_at, previous_until, ca_fingerprint } = cleaned(made);
  output.line(text);
  const until = expires_at === null ? 'it does not expire' : `until ${localTime(expires_at)}`;
  output.note(`${roleOf(made)}, ${until}; it is not shown again. Where it is to be used:`);
  output.note(`  orca login ${fromElsewhere(url)} --fingerprint ${ca_fingerprint}`);
  if (previous_until !== null) output.note(`the old value is taken too until ${localTime(previous_until)}`);
}

async function revoke(context: Context): Promise<number> {
  const name = nameOf(context);
  const reply = await (await context.connect()).delete<{ ok?: string }>(
    `/tokens/${encodeURIComponent(name)}`,
  );
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok ?? 'revoked');
  return 0;
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<TokensReply>('/tokens');
  if (context.json) {
    context.output.json(reply);
    return 0;
  }
  const { tokens, guessing } = cleaned(reply);
  const rows = tokens.map((one) => [
    one.name,
    roleOf(one),
    stateOf(one),
    usedOf(one),
    one.source,
    one.created_by ?? '',
  ]);
  context.output.table(['NAME', 'ROLE', 'EXPIRES', 'LAST USED', 'SOURCE', 'BY'], rows);
  for (const { name } of tokens.filter(({ weak }) => weak))
    context.output.note(
      `weak: "${name}" can be guessed; give it 16 random characters or more in cluster.toml, or make another with \`orca token create\``,
    );
  for (const { from, failures, until } of guessing.slowed)
    context.output.note(
      `slowed: ${failures} wrong tokens came from ${from} within a minute, until ${localTime(until)}`,
    );
  return 0;
}

const roleOf = ({ role, projects }: Pick<TokenView, 'role' | 'projects'>): string =>
  projects === null ? role : `${role} of ${projects.join(', ')}`;

function stateOf({ state, expires_at, previous_until }: TokenView): string {
  if (state === 'revoked') return 'revoked';
  if (state === 'expired') return `expired ${localTime(expires_at ?? '')}`;
  const until = expires_at === null ? 'never' : localTime(expires_at);
  return previous_until === null ? until : `${until}, old value ${localTime(previous_until)}`;
}

const usedOf = ({ last_used }: TokenView): string =>
  last_used === null ? 'never' : `${since(last_used.at, Date.now())} ago from ${last_used.from}`;

function nameOf({ args }: Context): string {
  const [action, name] = args;
  if (name !== undefined) return name;
  throw new OrcaError('USAGE', `name the token: orca token ${action} NAME`);
}

/** `--project a --project b` or `--project a,b`; null: of all. */
function projectsOf({ options }: Context): string[] | null {
  const given = [options.project ?? []].flat().flatMap((one) => String(one).split(','));
  return given.length === 0 ? null : given;
}

function secondsOf({ options }: Context, name: 'ttl' | 'overlap', example: string): number | null {
  const text = optionText(options, name);
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms !== null && ms >= 1_000) return ms / 1_000;
  throw new OrcaError('USAGE', `--${name} must be a time such as ${example}; it is ${JSON.stringify(text)}`);
}
