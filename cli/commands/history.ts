/**
 * `orca history SERVICE`: releases that are kept (what a rollback can go to), then its rollouts, newest first, each with
 * what users did to it, how its job ended, and what its windows came to.
 */
import type { HistoryReply, RolloutSummary } from '../../shared/api.js';
import { verdictText } from '../canary-view.js';
import { cleaned } from '../clean.js';
import { type Context, servicePath } from '../context.js';
import { reasonOf } from '../ends.js';
import type { Output } from '../output.js';
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
  if (rollouts.length > 0) printRollouts(output, rollouts);
  for (const rollout of rollouts) printLife(output, rollout, reply.service);
  return 0;
}

function printRollouts(output: Output, rollouts: RolloutSummary[]): void {
  output.line();
  output.table(
    ['ROLLOUT', 'KIND', 'CHANGE', 'STATE', 'STARTED', 'ENDED', 'BY', 'FROM', 'REASON'],
    rollouts.map((one) => [
      one.id,
      one.kind,
      changeText(one),
      one.state,
      localTime(one.started_at),
      one.ended_at === null ? '–' : localTime(one.ended_at),
      one.by,
      one.source,
      reasonOf(one) ?? '',
    ]),
  );
}

/** `v1 → v2`, and `v2 in place` where no container was replaced (`back to v2` where something newer was half-way); what took the place of a canary names it: `v2 (canary) → v1`, `v1 + v2 (canary) → v3`. */
function changeText({ kind, from, release, takes_back }: RolloutSummary): string {
  const canary = takes_back === null ? [] : [`${takes_back} (canary)`];
  const isBack = takes_back !== null && (release ?? from) === from;
  const before = [...(from === null || isBack ? [] : [from]), ...canary].join(' + ');
  const after = (isBack ? from : release) ?? '–';
  if (before !== after) return `${before || '–'} → ${after}`;
  return kind === 'rollback' ? `back to ${after}` : `${after} in place`;
}

/** Windows go on while a canary stands; beyond so many of its newest lines `--json` has the rest. */
const LIFE_LINES = 20;

/** Acts and verdicts of a rollout in the order of their time; nothing for one without. */
function printLife(output: Output, { id, acts, canary, job }: RolloutSummary, service: string): void {
  const { colors } = output;
  const life = [
    ...(job === null ? [] : [{ at: job.ended_at, text: jobText(job, service), who: 'pre_deploy' }]),
    ...acts.map((act) => ({
      at: act.at,
      text: `${act.verb} ${act.detail}`.trim(),
      who: `${act.by} (${act.source})`,
    })),
    ...(canary?.verdicts ?? []).map((verdict) => ({
      at: verdict.to,
      text: `step ${verdict.step + 1} ${verdictText(verdict, colors)}`,
      who: 'analysis',
    })),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  if (life.length === 0) return;
  output.line();
  output.line(colors.bold(id));
  if (life.length > LIFE_LINES)
    output.line(colors.dim(`  … ${life.length - LIFE_LINES} earlier with --json`));
  for (const { at, text, who } of life.slice(-LIFE_LINES)) output.line(`  ${localTime(at)}  ${who}  ${text}`);
}

function jobText(
  { release, exit_code, stopped }: NonNullable<RolloutSummary['job']>,
  service: string,
): string {
  const how = stopped ?? (exit_code === null ? 'has ended' : `exited with ${exit_code}`);
  return `its job for ${release} ${how}; \`orca logs ${service} --group job\` shows the newest one's last lines`;
}

function shortDigest(digest: string): string {
  return digest.replace(/^(.*@)?(sha256:[0-9a-f]{12})[0-9a-f]*$/, '$2');
}
