/** `orca webhooks`: which pushes deploy what; `add` and `rm` one, see its deliveries, repeat one, `test` it. A secret is printed once, by `add`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type {
  DeliveriesReply,
  Redelivered,
  WebhookAdded,
  WebhooksReply,
  WebhookTest,
} from '../../shared/api-webhooks.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { providers } from '../../shared/webhook.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { printSetup } from '../webhook-setup.js';
import { deliveryTable, webhookTable } from '../webhook-table.js';

type Action = (context: Context, id: string) => Promise<number>;

/** Each of one webhook, or for `redeliver` of one delivery. */
const ofOne: Record<string, Action> = { rm, deliveries, redeliver, test };

export async function webhooks(context: Context): Promise<number> {
  const [action = 'list', id] = context.args;
  const one = Object.hasOwn(ofOne, action) ? ofOne[action] : undefined;
  if (one === undefined && action !== 'list' && action !== 'add')
    throw new OrcaError(
      'USAGE',
      `there is no "orca webhooks ${action}"; there are list, add, rm, deliveries, redeliver and test`,
    );
  if (one === undefined) {
    if (id !== undefined) throw new OrcaError('USAGE', `orca webhooks ${action} takes no "${id}"`);
    return action === 'add' ? await add(context) : await list(context);
  }
  if (id === undefined) throw new OrcaError('USAGE', `say which: orca webhooks ${action} ID`);
  return await one(context, id);
}

async function list(context: Context): Promise<number> {
  const reply = await (await context.connect()).get<WebhooksReply>('/webhooks');
  if (context.json) context.output.json(reply);
  else if (reply.webhooks.length === 0)
    context.output.line('no webhooks; `orca webhooks add --repo org/myapp --service myapp` makes one');
  else webhookTable(context.output, cleaned(reply).webhooks, Date.now());
  return 0;
}

async function add(context: Context): Promise<number> {
  const { options } = context;
  const isInfra = options.infra === true;
  const provider = optionText(options, 'provider');
  if (provider !== undefined && !providers.some((known) => known === provider))
    throw new OrcaError('USAGE', `--provider must be one of ${providers.join(', ')}; it is "${provider}"`);
  const body = {
    repo: needed(context, 'repo'),
    service_name: isInfra ? noService(context) : needed(context, 'service'),
    branch: optionText(options, 'branch'),
    tag: optionText(options, 'tag'),
    paths: listOf(optionText(options, 'paths')),
    provider,
    image_tag: optionText(options, 'imageTag'),
    status_secret: optionText(options, 'statusSecret'),
    status_api: optionText(options, 'statusApi'),
    infra: isInfra ? true : undefined,
    prune: options.prune === true ? true : undefined,
    infra_paths: listOf(optionText(options, 'path')),
    deploy_key: optionText(options, 'deployKey'),
    token_secret: optionText(options, 'tokenSecret'),
    insecure_http: options.insecureHttp === true ? true : undefined,
    ...previewOf(context),
    secret: secretOf(context),
  };
  const reply = await (await context.connect()).post<WebhookAdded>('/webhooks', body);
  if (context.json) context.output.json(reply);
  else printSetup(context.output, cleaned(reply));
  return 0;
}

function previewOf({ options }: Context) {
  const limit = optionText(options, 'previewLimit');
  if (limit !== undefined && !/^\d{1,6}$/.test(limit))
    throw new OrcaError('USAGE', `--preview-limit must be a number; it is "${limit}"`);
  return {
    preview: options.preview === true ? true : undefined,
    preview_limit: limit === undefined ? undefined : Number(limit),
    preview_ttl: optionText(options, 'previewTtl'),
    preview_forks: options.previewForks === true ? true : undefined,
  };
}

const listOf = (text: string | undefined): string[] | undefined =>
  text?.split(',').map((glob) => glob.trim());

function noService({ options }: Context): undefined {
  if (optionText(options, 'service') === undefined) return undefined;
  throw new OrcaError('USAGE', '--infra deploys what the repository says; leave out --service');
}

function needed({ options }: Context, name: string): string {
  const value = optionText(options, name);
  if (value !== undefined) return value;
  throw new OrcaError('USAGE', `--${name} is missing: orca webhooks add --repo org/myapp --service myapp`);
}

/** Undefined: the master makes one. What is in a file never reaches a list of processes, as an argument does. */
function secretOf({ options, io }: Context): string | undefined {
  const given = optionText(options, 'secret');
  const file = optionText(options, 'secretFile');
  if (given !== undefined && file !== undefined)
    throw new OrcaError('USAGE', 'give one of --secret and --secret-file');
  if (file === undefined) return given;
  try {
    const text = readFileSync(file === '-' ? 0 : resolve(io.cwd, file), 'utf8').trim();
    if (text !== '') return text;
  } catch (cause) {
    throw new OrcaError('USAGE', `--secret-file ${file} can't be read: ${messageOf(cause)}`, { cause });
  }
  throw new OrcaError('USAGE', `--secret-file ${file} is empty`);
}

async function rm(context: Context, id: string): Promise<number> {
  const reply = await (await context.connect()).delete<{ ok: string }>(`/webhooks/${encodeURIComponent(id)}`);
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok);
  return 0;
}

async function deliveries(context: Context, id: string): Promise<number> {
  const client = await context.connect();
  const reply = await client.get<DeliveriesReply>(`/webhooks/${encodeURIComponent(id)}/deliveries`);
  if (context.json) context.output.json(reply);
  else if (reply.deliveries.length === 0) context.output.line('it has not been called yet');
  else deliveryTable(context.output, cleaned(reply).deliveries, Date.now());
  return 0;
}

async function redeliver(context: Context, id: string): Promise<number> {
  const client = await context.connect();
  const reply = await client.post<Redelivered>(`/webhooks/deliveries/${encodeURIComponent(id)}/redeliver`);
  if (context.json) context.output.json(reply);
  else context.output.line(cleaned(reply).ok);
  return 0;
}

async function test(context: Context, id: string): Promise<number> {
  const client = await context.connect();
  const { webhooks: all } = await client.get<WebhooksReply>('/webhooks');
  // Its id, as the path of a service called like a provider is a provider's.
  const [known, ...more] = all.filter((one) => one.id === id || one.service_name === id);
  const named = known !== undefined && more.length === 0 ? known.id : id;
  const reply = await client.post<WebhookTest>(`/webhooks/${encodeURIComponent(named)}/test`);
  if (context.json) context.output.json(reply);
  else {
    const { url, reachable, message, took_ms } = cleaned(reply);
    context.output.line(`${reachable ? 'ok' : 'not reachable'} ${url}: ${message} (${took_ms} ms)`);
    context.output.note("As seen from the master's host; a firewall before it may tell others apart.");
  }
  return reply.reachable ? 0 : 1;
}
