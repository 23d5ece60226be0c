/** `orca join-token create|list|revoke`: what lets hosts join. The text of a token is printed once, when it is made. */
import type { JoinTokenCreated, JoinTokensReply } from '../../shared/api-join.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import { parseJoinToken } from '../../shared/join-token.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { fromElsewhere } from '../from-elsewhere.js';
import { readLabels } from '../labels.js';
import { localTime } from '../time.js';

export async function joinToken(context: Context): Promise<number> {
  const [action, id] = context.args;
  if (action === 'create') return await create(context);
  if (action === 'list') return await list(context);
  if (action !== 'revoke')
    throw new OrcaError(
      'USAGE',
      `there is no "orca join-token ${action}"; there are create, list and revoke`,
    );
  if (id === undefined) throw new OrcaError('USAGE', 'name the token: orca join-token revoke ID');
  const reply = await (await context.connect()).delete<{ ok?: string }>(
    `/join-tokens/${encodeURIComponent(idOf(id))}`,
  );
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok ?? 'revoked');
  return 0;
}

/** Of a whole token its id is enough, and the rest is nobody's to see. */
const idOf = (named: string): string => (named.startsWith('orca-join.') ? parseJoinToken(named).id : named);

async function create(context: Context): Promise<number> {
  const { options, output } = context;
  const body = {
    ttl_secs: ttlOf(optionText(options, 'ttl') ?? '1h') / 1_000,
    uses: usesOf(optionText(options, 'uses') ?? '1'),
    labels: readLabels(
      (optionText(options, 'labels') ?? '').split(',').filter((pair) => pair !== ''),
      '--labels',
    ),
  };
  const client = await context.connect();
  const made = await client.post<JoinTokenCreated>('/join-tokens', body);
  if (context.json) output.json(made);
  else {
    output.line(cleaned(made).token);
    const uses = made.uses === 1 ? 'one host' : `${made.uses} hosts`;
    output.note(
      `for ${uses}, until ${localTime(made.expires_at)}; it is not shown again. On the host to join:`,
    );
    const url = fromElsewhere(client.url);
    output.note(`  curl -fsSk ${url}/install.sh | sudo sh -s -- --join ${url}`);
    output.note('It asks for the token; where nobody sits there, add --token-file FILE.');
  }
  return 0;
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<JoinTokensReply>('/join-tokens');
  if (context.json) context.output.json(reply);
  else if (reply.tokens.length === 0)
    context.output.line('no join tokens; `orca join-token create` makes one');
  else
    context.output.table(
      ['ID', 'STATE', 'LEFT', 'EXPIRES', 'LABELS', 'BY', 'NODES'],
      cleaned(reply).tokens.map((token) => [
        token.id,
        token.state,
        `${token.uses_left}/${token.uses}`,
        localTime(token.expires_at),
        Object.entries(token.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
        token.created_by,
        token.nodes.join(','),
      ]),
    );
  return 0;
}

function ttlOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms < 1_000)
    throw new OrcaError('USAGE', `--ttl must be a time such as 1h; it is ${JSON.stringify(text)}`);
  return ms;
}

function usesOf(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new OrcaError('USAGE', `--uses must be a number from 1 to 1000; it is ${JSON.stringify(text)}`);
}
