/**
 * `orca status [SERVICE]`: what was observed, with a reason for everything that is not as asked for. `--watch` shows it
 * again as it changes, until Ctrl-C (exit code 0), also through a restart of the master.
 */
import type { StatusReply } from '../../shared/api.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import type { Client } from '../client.js';
import { type Context, optionText } from '../context.js';
import { createLive } from '../live.js';
import { createOutput, type Output } from '../output.js';
import { pause } from '../pause.js';
import { printStatus } from '../status-view.js';

const WATCH_MS = 1_000;

export async function status(context: Context): Promise<number> {
  const client = await context.connect();
  if (context.options.watch === true) return await watch(context, client);
  const reply = await read(context, client);
  if (context.json) context.output.json(reply);
  else printStatus(context.output, cleaned(reply), view(context));
  return 0;
}

async function read(context: Context, client: Client): Promise<StatusReply> {
  const project = optionText(context.options, 'project');
  const reply = await client.get<StatusReply>('/status', { project });
  const wanted = context.args[0];
  if (project !== undefined && reply.services.length === 0) await refuseUnknown(client, project);
  if (wanted === undefined) return reply;
  const services = reply.services.filter(
    ({ name, project }) => name === wanted || `${project}/${name}` === wanted,
  );
  if (services.length > 0) return { ...reply, services };
  throw new OrcaError('SERVICE_NOT_FOUND', `there is no service "${wanted}"`);
}

/** A project is its services: one without any is most likely another one's name misspelt. */
async function refuseUnknown(client: Client, project: string): Promise<void> {
  const { services } = await client.get<StatusReply>('/status');
  const projects = [...new Set(services.map((service) => service.project))].sort();
  const known = projects.length === 0 ? 'there are no services yet' : `there are: ${projects.join(', ')}`;
  throw new OrcaError('NOT_FOUND', `there is no project "${project}"; ${known}`);
}

async function watch(context: Context, client: Client): Promise<number> {
  const stop = new AbortController();
  const undo = context.io.onInterrupt(() => stop.abort());
  const live = createLive(context.io);
  let before = '';
  try {
    let reply = await read(context, client);
    while (!stop.signal.aborted) {
      const text = context.json ? JSON.stringify({ ...reply, observed_at: '' }) : render(context, reply);
      if (text !== before) show(context, live, reply, text);
      before = text;
      await pause(WATCH_MS, stop.signal);
      reply = await read(context, client).catch((error: unknown) => stay(error, reply));
    }
    return 0;
  } finally {
    undo();
  }
}

function show(context: Context, live: ReturnType<typeof createLive>, reply: StatusReply, text: string): void {
  if (context.json) context.output.jsonLine(reply);
  else if (context.io.isTerminal)
    live.update(text.split('\n').map((line, index) => ({ key: String(index), text: line })));
  else context.io.out(`${text}\n`);
}

/** While the master is away the last state stays on the screen, and says so. */
function stay(error: unknown, reply: StatusReply): StatusReply {
  if (!(error instanceof OrcaError) || error.code !== 'MASTER_UNREACHABLE') throw error;
  return reply;
}

function render(context: Context, reply: StatusReply): string {
  let text = '';
  const output: Output = createOutput({
    ...context.io,
    out: (part) => {
      text += part;
    },
  });
  printStatus(output, cleaned(reply), view(context));
  return text.trimEnd();
}

function view(context: Context): { detailed: boolean; nowMs: number } {
  return { detailed: context.args[0] !== undefined, nowMs: Date.now() };
}
