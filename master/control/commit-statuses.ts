/**
 * The loop that tells commits what became of them (`plan/commit-status`). What is owed is in the store with the delivery, so that it is told
 * after a restart too; what a provider does not take is tried again, and said with the delivery. A provider that is slow or gone holds up
 * nothing else.
 */
import { messageOf } from '../../shared/errors.js';
import { isInfraKey } from '../../shared/infra.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import { secretKey } from '../../shared/secret-reference.js';
import { type Delivery, owedAtMs, type Webhook } from '../../shared/webhook.js';
import { afterTry, type StatusCall, statusCall, statusOf } from '../plan/commit-status.js';
import { bindOfSecret } from '../store/sealed.js';
import type { Store } from '../store/store.js';

/** What a provider answered; `notBeforeMs` 0: it named no time. */
export type Told = { kind: 'taken' } | { kind: 'refused'; reason: string; notBeforeMs: number };

export interface CommitStatusesOptions {
  store: Store;
  unseal: (sealed: string, bind: string) => string;
  /** Never rejects. */
  post(call: StatusCall, reachesInside: boolean): Promise<Told>;
  nowMs: () => number;
  log: Log;
}

const LOOK_MS = 60_000;
/** Calls at once; the others wait their turn. */
const AT_ONCE = 4;

export function startCommitStatuses(options: CommitStatusesOptions): Loop {
  const { store, nowMs, log } = options;
  const loop = startLoop(
    async () => {
      const due = store.owedReports().filter((delivery) => (owedAtMs(delivery) ?? 0) <= nowMs());
      for (let at = 0; at < due.length; at += AT_ONCE)
        await Promise.all(due.slice(at, at + AT_ONCE).map((delivery) => tell(options, delivery)));
      const nextAtMs = Math.min(...store.owedReports().map((delivery) => owedAtMs(delivery) ?? 0));
      if (Number.isFinite(nextAtMs)) loop.wakeAt(Date.now() + Math.max(0, nextAtMs - nowMs()));
    },
    {
      everyMs: LOOK_MS,
      onError: (error) => log.error({ error: messageOf(error) }, 'commits could not be told, and will be'),
    },
  );
  const unwatch = store.watch(({ deliveries }) => {
    if (deliveries.size > 0) loop.wake();
  });
  return {
    ...loop,
    stop: () => {
      unwatch();
      return loop.stop();
    },
  };
}

async function tell(options: CommitStatusesOptions, delivery: Delivery): Promise<void> {
  const { store, nowMs } = options;
  const status = statusOf(delivery);
  const webhook = store.webhook(delivery.webhook);
  if (webhook === undefined) return;
  const outcome = await answerTo(options, webhook, delivery);
  store.write((tx) => {
    // It may have gone on, or be gone, while the provider answered.
    const now = store.delivery(delivery.id);
    if (now?.report === undefined) return;
    const refusal = outcome.kind === 'taken' ? null : outcome;
    tx.putDelivery({ ...now, report: afterTry(now.report, status.state, refusal, nowMs()) });
  });
}

async function answerTo(options: CommitStatusesOptions, webhook: Webhook, delivery: Delivery): Promise<Told> {
  const { provider, repo, report } = webhook;
  const { commit } = delivery.push;
  const refused = (reason: string): Told => ({ kind: 'refused', reason, notBeforeMs: 0 });
  if (report === undefined || commit === null || provider === 'generic')
    return refused('the webhook does not report any more');
  const token = tokenOf(options, delivery.service, report.secret);
  if ('reason' in token) return refused(token.reason);
  const [domain] = options.store.service(delivery.service)?.spec.domains ?? [];
  const link = domain === undefined || domain.startsWith('*') ? null : `https://${domain}/`;
  const call = { api: report.api, repo, commit, service: delivery.service, status: statusOf(delivery), link };
  const { reachesInside = false } = report;
  return await options.post(statusCall(provider, { ...call, token: token.value }), reachesInside);
}

/** Of the service's project, else of all. */
function tokenOf(
  { store, unseal }: CommitStatusesOptions,
  service: string,
  name: string,
): { value: string } | { reason: string } {
  const project = service.slice(0, service.indexOf('/'));
  const key = [secretKey(project, name), secretKey(null, name)].find((one) => store.secret(one));
  const last = key === undefined ? undefined : store.secret(key)?.values.at(-1);
  if (key === undefined || last === undefined)
    return {
      reason: `the secret "${name}" is not set: orca secrets set ${name}${isInfraKey(service) ? '' : ` --project ${project}`}`,
    };
  try {
    return { value: unseal(last.sealed, bindOfSecret(key, last.version)) };
  } catch {
    return { reason: `the stored value of the secret "${name}" can't be read` };
  }
}
