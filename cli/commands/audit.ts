/** `orca audit [-f]`: who did what, from where, and what came of it. `--verify` checks that the trail is as it was written: 0 it is, 1 it is not. */
import type { AuditEntry, AuditReply, AuditVerdict } from '../../shared/api-audit.js';
import { OrcaError } from '../../shared/errors.js';
import { cleaned } from '../clean.js';
import { type Context, optionText } from '../context.js';
import { followLines } from '../follow-lines.js';
import { localTime } from '../time.js';

export async function audit(context: Context): Promise<number> {
  if (context.options.verify === true) return await verify(context);
  const query = {
    since: optionText(context.options, 'since'),
    by: optionText(context.options, 'by'),
    limit: limitOf(context),
  };
  const client = await context.connect();
  if (context.options.follow !== true) {
    const reply = await client.get<AuditReply>('/audit', query);
    if (context.json) context.output.json(reply);
    else for (const entry of reply.entries) print(context, entry);
    return 0;
  }
  let last: number | null = null;
  return await followLines<AuditEntry>(
    context,
    client,
    '/audit',
    () => (last === null ? { ...query, follow: true } : { by: query.by, follow: true, after: last }),
    (entry) => {
      last = entry.number;
      print(context, entry);
    },
  );
}

async function verify({ options, json, output, connect }: Context): Promise<number> {
  const head = optionText(options, 'head');
  const verdict = await (await connect()).get<AuditVerdict>('/audit/verify', { head });
  if (json) output.json(verdict);
  else tell(output, cleaned(verdict));
  return verdict.ok ? 0 : 1;
}

function tell(output: Context['output'], { entries, first, head, anchor, broken }: AuditVerdict): void {
  const which = entries === 0 ? 'no entries' : `${entries} entries from ${first} on`;
  if (broken === null) output.line(`whole: ${which} are as they were written`);
  else output.line(`${output.colors.red('broken')}: entry ${broken.number}: ${broken.reason}`);
  if (anchor !== null) output.note(`those up to ${anchor.number} were removed for their age`);
  output.note('keep this elsewhere, and ask with it later (--verify --head):');
  output.note(`  ${head.number}:${head.hash}`);
}

function print({ json, output }: Context, entry: AuditEntry): void {
  if (json) {
    output.jsonLine(entry);
    return;
  }
  const { number, at, by, kind, from, action, path, result, code, text, count } = cleaned(entry);
  const who = kind === 'token' ? by : kind === by ? kind : `${kind} ${by}`;
  const place = from === null ? '' : ` from ${from}`;
  const what = path === null ? action : `${action.split(' ')[0]} ${path}`;
  const outcome =
    result === 'done' ? output.colors.green(result) : output.colors.red(`${result} ${code ?? ''}`.trim());
  const times = count > 1 ? ` (${count} times)` : '';
  const parts = [
    output.colors.dim(`${number}  ${localTime(at)}`),
    `${who}${place}`,
    what,
    `${outcome}${times}`,
    text ?? '',
  ];
  output.line(parts.filter((part) => part !== '').join('  '));
}

function limitOf({ options }: Context): number | undefined {
  const text = optionText(options, 'tail');
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new OrcaError(
    'USAGE',
    `--tail must be a number of entries, 9999 at most; it is ${JSON.stringify(text)}`,
  );
}
