/** `orca secrets`: set, list, rm, import and rotate-key. A value goes to the master and is never printed. */
import type { KeyRotated, SecretsChanged, SecretsReply } from '../../shared/api-secrets.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Client } from '../client.js';
import { type Context, optionText } from '../context.js';
import { parseDotenv } from '../dotenv.js';
import { readText, readValue } from '../secret-value.js';
import { localTime } from '../time.js';
import { timeoutOf, waitForRollouts } from '../wait.js';

const MAX_IMPORT_BYTES = 1024 * 1024;

export async function secrets(context: Context): Promise<number> {
  timeoutOf(context);
  const [action = 'list', key, value] = context.args;
  const known = ['set', 'list', 'rm', 'import', 'rotate-key'];
  if (!known.includes(action))
    throw new OrcaError('USAGE', `there is no "orca secrets ${action}"; there are ${known.join(', ')}`);
  const takesKey = action !== 'list' && action !== 'rotate-key';
  if (takesKey && key === undefined)
    throw new OrcaError('USAGE', `say which: orca secrets ${action} ${action === 'import' ? 'FILE' : 'KEY'}`);
  if ((!takesKey && key !== undefined) || (action !== 'set' && value !== undefined))
    throw new OrcaError('USAGE', `orca secrets ${action} takes less than that`);
  if (action === 'list') return await list(context);
  if (action === 'rotate-key') return await rotateKey(context);
  if (action === 'import') return await importFile(context, key ?? '');
  return action === 'set' ? await set(context, key ?? '') : await remove(context, key ?? '');
}

async function set(context: Context, key: string): Promise<number> {
  const value = await readValue(context);
  const client = await context.connect();
  const body = { value, ...marked(context), redeploy: context.options.redeploy === true };
  return await finish(
    context,
    client,
    await client.post<SecretsChanged>(pathOf(key), body, inProject(context)),
  );
}

async function importFile(context: Context, file: string): Promise<number> {
  const text = file === '-' ? await context.io.readSecret('') : readText(context, file, MAX_IMPORT_BYTES);
  const entries = parseDotenv(text, file === '-' ? 'standard input' : file);
  const client = await context.connect();
  const body = { secrets: entries, ...marked(context), redeploy: context.options.redeploy === true };
  return await finish(
    context,
    client,
    await client.post<SecretsChanged>('/secrets', body, inProject(context)),
  );
}

async function remove(context: Context, key: string): Promise<number> {
  const { force, redeploy } = context.options;
  const query = { ...inProject(context), force: force === true, redeploy: redeploy === true };
  const client = await context.connect();
  return await finish(context, client, await client.delete<SecretsChanged>(pathOf(key), query));
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<SecretsReply>('/secrets', inProject(context));
  if (context.json) context.output.json(reply);
  else if (reply.secrets.length === 0)
    context.output.line('no secrets; `orca secrets set KEY` reads one from standard input');
  else
    context.output.table(
      ['SECRET', 'PROJECT', 'SET', 'BY', 'USED BY', 'PREVIEWS'],
      cleaned(reply).secrets.map(({ key, project, preview, set_at, by, used_by }) => [
        key,
        project ?? '(all)',
        localTime(set_at),
        by,
        used_by.map(({ service, outdated }) => `${service}${outdated ? ' (older value)' : ''}`).join(', '),
        preview ? 'yes' : 'no',
      ]),
    );
  return 0;
}

async function rotateKey(context: Context): Promise<number> {
  const reply = await (await context.connect()).post<KeyRotated>('/cluster/rotate-key');
  if (context.json) context.output.json(reply);
  else {
    const { ok, unreadable } = cleaned(reply);
    context.output.line(ok);
    for (const where of unreadable) context.output.note(`could not be opened, and stays as it is: ${where}`);
  }
  return reply.unreadable.length === 0 ? 0 : 1;
}

/** With neither of the options it stays as it is. */
const marked = ({ options: { preview } }: Context): { preview?: boolean } =>
  typeof preview === 'boolean' ? { preview } : {};

const pathOf = (key: string): string => `/secrets/${encodeURIComponent(key)}`;

function inProject({ options }: Context): Record<string, string> {
  const project = optionText(options, 'project');
  return project === undefined ? {} : { project };
}

/** Says what was done and what each service has now, and follows what was begun. */
async function finish(context: Context, client: Client, reply: SecretsChanged): Promise<number> {
  if (!context.json) print(context, cleaned(reply));
  const ids = reply.services.flatMap(({ rollout }) => rollout ?? []);
  const isFollowed = ids.length > 0 && context.options.detach !== true;
  const waited = isFollowed ? await waitForRollouts(context, client, ids) : { exit: 0, rollouts: [] };
  if (context.json) context.output.json({ ...reply, results: waited.rollouts });
  return reply.services.some(({ state }) => state === 'failed') ? 1 : waited.exit;
}

function print({ output }: Context, { ok, secrets: all, services }: SecretsChanged): void {
  output.line(ok);
  const isGone = all.every(({ change }) => change === 'removed');
  const left = services.filter(({ state }) => state === 'outdated').map(({ service }) => service);
  if (left.length > 0)
    output.line(
      isGone
        ? `${left.join(', ')} ${left.length === 1 ? 'uses' : 'use'} it: what runs goes on, and no copy can be made anew`
        : `${left.join(', ')} ${left.length === 1 ? 'uses it and keeps' : 'use it and keep'} the older value until the next deploy; --redeploy brings the new one`,
    );
  for (const { service, state, error } of services)
    if (state === 'failed') output.note(`error: ${service} was not redeployed: ${error}`);
}
