/** `orca registry`: login, list and logout. The password comes from standard input, goes to the master and is never printed. */
import type { RegistriesReply, RegistryChanged, RegistryLogin } from '../../shared/api-registries.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { localTime } from '../time.js';

export async function registry(context: Context): Promise<number> {
  const [action = 'list', host, more] = context.args;
  const known = ['login', 'list', 'logout'];
  if (!known.includes(action))
    throw new OrcaError('USAGE', `there is no "orca registry ${action}"; there are ${known.join(', ')}`);
  if (action === 'list' ? host !== undefined : more !== undefined)
    throw new OrcaError('USAGE', `orca registry ${action} takes less than that`);
  if (action === 'list') return await list(context);
  if (host === undefined)
    throw new OrcaError('USAGE', `say which: orca registry ${action} HOST, such as registry.example.com`);
  return action === 'login' ? await login(context, host) : await logout(context, host);
}

async function login(context: Context, host: string): Promise<number> {
  const username = optionText(context.options, 'username');
  const command = optionText(context.options, 'command');
  if (username !== undefined && command !== undefined)
    throw new OrcaError('USAGE', 'give --username or --command, not both');
  if (command !== undefined && optionText(context.options, 'tokenUrl') !== undefined)
    throw new OrcaError('USAGE', 'give --command or --token-url, not both');
  if (command !== undefined) return await send(context, { host, command: commandOf(command) });
  const tokenUrl = optionText(context.options, 'tokenUrl');
  if (tokenUrl !== undefined) return await loginByUrl(context, { host, tokenUrl, username });
  if (context.options.bearer === true) throw new OrcaError('USAGE', '--bearer is for --token-url');
  if (username === undefined)
    throw new OrcaError('USAGE', `say who: orca registry login ${host} --username USER < FILE`);
  const password = (await context.io.readSecret(`password of ${username} at ${host}: `)).replace(
    /\r?\n$/,
    '',
  );
  if (password === '')
    throw new OrcaError('USAGE', 'there was no password on standard input; nothing was changed');
  return await send(context, { host, username, password });
}

async function loginByUrl(
  context: Context,
  { host, tokenUrl, username }: { host: string; tokenUrl: string; username: string | undefined },
): Promise<number> {
  const whose = username === undefined ? {} : { username };
  if (context.options.bearer !== true) return await send(context, { host, token_url: tokenUrl, ...whose });
  const bearer = (await context.io.readSecret('bearer token for the URL: ')).replace(/\r?\n$/, '');
  if (bearer === '')
    throw new OrcaError('USAGE', 'there was no bearer token on standard input; nothing was changed');
  return await send(context, { host, token_url: tokenUrl, bearer, ...whose });
}

const send = async (context: Context, body: RegistryLogin): Promise<number> =>
  say(context, await (await context.connect()).post<RegistryChanged>('/registries', body));

/** No shell takes it apart, here or there. */
function commandOf(text: string): string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.length > 0 && parsed.every((one) => typeof one === 'string'))
      return parsed;
  } catch {
    // Said below.
  }
  throw new OrcaError(
    'USAGE',
    `--command takes a program of the master's host and its arguments as JSON, such as '["docker-credential-ecr-login","get"]'`,
  );
}

async function logout(context: Context, host: string): Promise<number> {
  const client = await context.connect();
  return say(context, await client.delete<RegistryChanged>(`/registries/${encodeURIComponent(host)}`));
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<RegistriesReply>('/registries');
  if (context.json) context.output.json(reply);
  else if (reply.registries.length === 0)
    context.output.line(
      'no credentials; `orca registry login HOST --username USER` reads a password from standard input',
    );
  else
    context.output.table(
      ['REGISTRY', 'USER', 'SET', 'BY', 'USED BY'],
      cleaned(reply).registries.map(({ host, username, command, token_url, set_at, by, used_by }) => [
        ...[
          host,
          userText(username, command?.[0] ?? token_url ?? null),
          localTime(set_at),
          by,
          used_by.join(', '),
        ],
      ]),
    );
  return 0;
}

const userText = (username: string | null, giver: string | null): string =>
  giver === null ? (username ?? '–') : `${username === null ? '' : `${username} `}(${giver})`;

function say({ output, json }: Context, reply: RegistryChanged): number {
  if (json) output.json(reply);
  else output.line(cleaned(reply).ok);
  return 0;
}
