/**
 * `orca logs SERVICE`: what its containers wrote, each line with its allocation in front. Following goes on after a
 * restart of the master, from the last line's time.
 */
import type { LogFrame } from '../../shared/api.js';
import { parseDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import type { Group } from '../../shared/protocol.js';
import { cleaned } from '../clean.js';
import type { Query } from '../client.js';
import { type Context, optionText, servicePath } from '../context.js';
import { followLines } from '../follow-lines.js';
import { shortId } from '../progress.js';

export async function logs(context: Context): Promise<number> {
  const tail = tailOf(context);
  const since = sinceOf(context);
  const group = groupOf(context);
  const path = `${servicePath(context)}/logs`;
  const client = await context.connect();
  if (context.options.follow !== true) {
    const signal = new AbortController().signal;
    for await (const line of client.lines<LogFrame>(path, { tail, since, group }, signal))
      print(context, line);
    return 0;
  }
  const seen = new Set<string>();
  let last: string | null = null;
  const query = (): Query =>
    last === null ? { follow: true, tail, since, group } : { follow: true, since: last, group };
  return await followLines<LogFrame>(context, client, path, query, (line) => {
    const key = `${line.at} ${line.allocation} ${line.stream} ${line.text}`;
    if (seen.has(key)) return;
    if (last !== null && line.at > last) seen.clear();
    seen.add(key);
    last = last === null || line.at > last ? line.at : last;
    print(context, line);
  });
}

function print({ json, output }: Context, line: LogFrame): void {
  if (json) {
    output.jsonLine(line);
    return;
  }
  const { allocation, text } = cleaned(line);
  output.line(`${output.colors.dim(shortId(allocation))}  ${text.replace(/\n$/, '')}`);
}

function groupOf(context: Context): string | undefined {
  const text = optionText(context.options, 'group');
  const groups: Group[] = ['stable', 'canary', 'job'];
  if (text === undefined || groups.some((group) => group === text)) return text;
  throw new OrcaError('USAGE', `--group must be stable, canary or job; it is ${JSON.stringify(text)}`);
}

function tailOf(context: Context): number | undefined {
  const text = optionText(context.options, 'tail');
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text))
    throw new OrcaError('USAGE', `--tail must be a number of lines; it is ${JSON.stringify(text)}`);
  return Number(text);
}

/** `--since 10m` as a time, which the API takes. */
function sinceOf(context: Context): string | undefined {
  const text = optionText(context.options, 'since');
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== null) return new Date(Date.now() - ms).toISOString();
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new OrcaError(
    'USAGE',
    `--since must be a time such as 10m or 2026-01-31T12:00:00Z; it is ${JSON.stringify(text)}`,
  );
}
