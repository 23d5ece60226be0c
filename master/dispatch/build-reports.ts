/** What agents say of builds, written into their records. What a node says that a build was taken away from counts no more. */
import { type Build, type BuildObserved, buildIdOf, isOver } from '../../shared/build.js';
import type { ImageObserved } from '../../shared/protocol.js';
import { KEPT_ROLLOUTS, type Transaction } from '../store/transaction.js';

/** Writes what is new. An event says how each has ended, once. */
export function recordBuilds(
  tx: Transaction,
  node: string,
  images: readonly ImageObserved[],
  nowMs: number,
): void {
  for (const { id, build: observed } of images) {
    const before = observed && tx.build(buildIdOf(id));
    if (!before || before.node !== node || isOver(before)) continue;
    const commit = observed.commit ?? before.commit;
    tx.putBuild({
      ...before,
      ...bounded(observed),
      commit,
      ...toldBefore(tx, before, { ...observed, commit }),
    });
    if (!isOver(observed)) continue;
    const name = tx.node(node)?.facts.name ?? node;
    tx.addEvent({
      ...{ atMs: nowMs, kind: `build.${observed.state}`, service: before.service, node, rollout: id },
      message: `${before.service}: the build ${before.id} on ${name}: ${observed.reason ?? observed.state}`,
    });
  }
}

/** A node that has the image already knows no more than its commit: who wrote that was said when it was built. */
function toldBefore(
  tx: Transaction,
  { service }: Build,
  { commit, author, subject }: BuildObserved,
): Pick<Build, 'author' | 'subject'> {
  if (author !== null || commit === null) return { author, subject };
  const known = tx
    .builds(service, KEPT_ROLLOUTS + 1)
    .find((one) => one.commit === commit && one.author !== null);
  return { author: known?.author ?? null, subject: known?.subject ?? null };
}

/** So much of what an agent says goes into the store. */
const MAX_REASON = 4_000;
const MAX_LINES = 20;
const MAX_LINE = 1_000;

function bounded(observed: BuildObserved): BuildObserved {
  const lastLogs = observed.lastLogs.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE));
  return { ...observed, reason: observed.reason?.slice(0, MAX_REASON) ?? null, lastLogs };
}
