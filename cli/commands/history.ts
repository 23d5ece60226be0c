/** `orca history SERVICE`: releases that are kept (what a rollback can go to), then its rollouts, newest first. */
import type { HistoryReply } from '../../shared/api.js';
import { cleaned } from '../clean.js';
import { type Context, servicePath } from '../context.js';
import { localTime } from '../time.js';

export async function history(context: Context): Promise<number> {
  const { output } = context;
  const client = await context.connect();
  const reply = await client.get<HistoryReply>(`${servicePath(context)}/history`);
  if (context.json) {
    output.json(reply);
    return 0;
  }
  const { releases, rollouts } = cleaned(reply);
  output.table(
    ['RELEASE', 'IMAGE', 'DIGEST', 'CREATED', ''],
    releases.map((one) => [
      one.release,
      one.image,
      shortDigest(one.digest),
      localTime(one.created_at),
      one.stable ? 'stable' : '',
    ]),
  );
  if (rollouts.length === 0) return 0;
  output.line();
  output.table(
    ['ROLLOUT', 'KIND', 'CHANGE', 'STATE', 'STARTED', 'BY', 'REASON'],
    rollouts.map((one) => {
      const change = `${one.from ?? '–'} → ${one.release ?? '–'}`;
      return [one.id, one.kind, change, one.state, localTime(one.started_at), one.by, one.reason ?? ''];
    }),
  );
  return 0;
}

function shortDigest(digest: string): string {
  return digest.replace(/^(.*@)?(sha256:[0-9a-f]{12})[0-9a-f]*$/, '$2');
}
