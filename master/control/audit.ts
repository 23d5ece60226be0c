/**
 * The audit trail as it is written: who did what, from where, and what came of it. What a request changes in the store is one commit with
 * its entry, whatever command it goes through; what changes nothing there is told right after, together with what else came at that moment.
 * Refusals are told too, equal ones together, so that who knocks can't drown the trail.
 *
 * Promises that no change is on disk without its entry. Counts of refusals may be lost by a `kill -9`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditDraft } from '../../shared/api-audit.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Store } from '../store/store.js';
import type { Changes, Transaction } from '../store/transaction.js';
import { pruneAudit } from './audit-prune.js';
import { createRefusals } from './audit-refusals.js';

/** Who asks for what; the rest of the entry is what comes of it. */
export type AuditAct = Pick<AuditDraft, 'kind' | 'by' | 'from' | 'via' | 'action' | 'path'>;

export interface AuditTrail {
  /** Runs what somebody asked for; its first commit has the entry with it, so that what changes more is a batch. */
  during<T>(act: AuditAct, run: () => Promise<T>): Promise<T>;
  /** Tells of a refusal that came before anything was run. */
  refused(act: AuditAct, error: unknown): void;
  /** Tells of what the master does by itself. */
  tell(action: string, text: string): Promise<void>;
  /** Writes what waits. */
  stop(): void;
}

export interface AuditOptions {
  store: Store;
  retentionMs: () => number;
  nowMs: () => number;
  log: Log;
}

/** How long entries are gathered for one commit: about what a disk takes for it. */
const GATHER_MS = 4;
/** What waits while the disk is full; beyond that the newest are only logged. */
const MAX_WAITING = 1_000;
const PRUNE_EVERY_MS = 3_600_000;
const RETRY_MS = 5_000;
const MAX_ABOUT = 20;
const MAX_TEXT = 500;

/** One thing that is asked for, until it has ended; `hash`: of its entry. */
interface Open {
  act: AuditAct;
  hash: string | null;
  number: number;
  hasEnded: boolean;
}

export function createAudit({ store, retentionMs, nowMs, log }: AuditOptions): AuditTrail {
  const context = new AsyncLocalStorage<Open>();
  // Its commits are nobody's doing, whoever began to wait for one.
  const later = (act: () => void, ms: number): NodeJS.Timeout => context.exit(() => setTimeout(act, ms));
  const queue = createQueue(store, { nowMs, log, later });
  const refusals = createRefusals(nowMs, (draft) => void queue.add(draft));
  store.alongside((tx, changes) => {
    const open = context.getStore();
    // What a request only woke goes on in its context, and is not its doing.
    if (!open || open.hasEnded || isTold(tx, open)) return;
    const { number, hash } = tx.addAudit(doneBy(open.act, changes), nowMs());
    Object.assign(open, { number, hash });
  });
  const prune = (): void => {
    try {
      pruneAudit(store, retentionMs(), nowMs());
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the audit trail could not be shortened, and will be later');
    }
  };
  const pruning = setInterval(prune, PRUNE_EVERY_MS).unref();
  prune();
  return {
    during(act, run) {
      const open: Open = { act, hash: null, number: 0, hasEnded: false };
      return context.run(open, async () => {
        try {
          const answer = await run();
          if (!isTold(store, open)) await queue.add({ ...act, ...plain, path: withoutTokens(act.path) });
          return answer;
        } catch (error) {
          refusals.add(draftOf(act, error, isTold(store, open)));
          throw error;
        } finally {
          open.hasEnded = true;
        }
      });
    },
    refused: (act, error) => refusals.add(draftOf(act, error, false)),
    tell: (action, text) => queue.add({ ...master, action, ...plain, text }),
    stop() {
      clearInterval(pruning);
      refusals.stop();
      queue.stop();
    },
  };
}

const master = { kind: 'master', by: 'master', from: null, via: null, path: null } as const;
const plain = { result: 'done', code: null, about: [] as string[], text: null, count: 1 } as const;

/** A transaction that was undone has taken its entry with it. */
const isTold = (reader: Pick<Store, 'auditEntry'>, { number, hash }: Open): boolean =>
  hash !== null && reader.auditEntry(number)?.hash === hash;

/** Names of what it changed, and its events' words, which hold no values. */
function doneBy(act: AuditAct, { services, nodes, events }: Changes): AuditDraft {
  const text = events.map(({ message }) => message).join('; ');
  const about = [...services, ...nodes].slice(0, MAX_ABOUT);
  const path = withoutTokens(act.path);
  return { ...act, ...plain, path, about, text: text === '' ? null : text.slice(0, MAX_TEXT) };
}

function draftOf(act: AuditAct, error: unknown, hasChanged: boolean): AuditDraft {
  const known = error instanceof OrcaError ? error : null;
  const isFailed = hasChanged || known === null || known.status >= 500;
  const result = isFailed ? 'failed' : 'refused';
  const draft = { ...act, ...plain, result, code: known?.code ?? 'INTERNAL', text: wordsOf(known) } as const;
  return withoutWritten(draft);
}

/** Where a name is asked for and there is none, a value may have been written in its place: `orca token revoke TOKEN`, `orca webhooks rm SECRET`.
 *  An id of ours is none. */
function withoutWritten(draft: AuditDraft): AuditDraft {
  const [, place, name = ''] = WRITTEN_IN_ERROR.exec(draft.path ?? '') ?? [];
  const isKept =
    place === undefined ||
    (place === '/tokens/' || place === '/secrets/' ? isKnown(draft) : AN_ID.test(name));
  if (isKept) return { ...draft, path: withoutTokens(draft.path), text: withoutTokens(draft.text) };
  return { ...draft, path: draft.path?.replace(WRITTEN_IN_ERROR, '$1…') ?? null, text: null };
}

const WRITTEN_IN_ERROR = /^(\/(?:tokens|secrets|join-tokens|webhooks\/deliveries|webhooks)\/)([^/?]+)/;
const AN_ID = /^(?:j|wh|d)-[\w-]{1,40}$/;
const isKnown = ({ code }: AuditDraft): boolean => !/NOT_FOUND|INVALID/.test(code ?? '');

/** What is a token is none to be kept, wherever it was written. */
const withoutTokens = (text: string | null): string | null =>
  text?.replace(/orca_[\w-]{8,}[^\s/?"]*/g, 'orca_…').replace(/orca-join[.%][^\s/?"]*/g, 'orca-join.…') ??
  null;

/** Whoever is told that a body is wrong may be told what is in it: that is for them alone. */
function wordsOf(error: OrcaError | null): string | null {
  if (error === null) return 'see the log of the master';
  return error.status === 400 ? null : error.message.slice(0, MAX_TEXT);
}

/** Entries that no commit carries are written together; resolves when they are on disk, or are left to be tried again. */
function createQueue(
  store: Store,
  {
    nowMs,
    log,
    later,
  }: Pick<AuditOptions, 'nowMs' | 'log'> & { later: (act: () => void, ms: number) => NodeJS.Timeout },
) {
  const waiting: { draft: AuditDraft; atMs: number; done: () => void }[] = [];
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    timer = null;
    const together = waiting.splice(0);
    if (together.length === 0) return;
    try {
      store.write((tx) => {
        for (const { draft, atMs } of together) tx.addAudit(draft, atMs);
      });
    } catch (error) {
      log.error({ error: messageOf(error), entries: together.length }, 'entries of the audit trail wait');
      waiting.unshift(...together);
      timer = later(flush, RETRY_MS).unref();
    }
    for (const { done } of together) done();
  };
  return {
    add: (draft: AuditDraft): Promise<void> =>
      new Promise((done) => {
        if (waiting.length >= MAX_WAITING) {
          log.error({ draft }, 'an entry of the audit trail has no room');
          done();
          return;
        }
        waiting.push({ draft, atMs: nowMs(), done });
        timer ??= later(flush, GATHER_MS);
      }),
    stop(): void {
      if (timer) clearTimeout(timer);
      flush();
      if (timer) clearTimeout(timer);
    },
  };
}

/** What a delivery that deploys is told as, in the commit in which its rollout begins. */
export function auditDelivery(tx: Transaction, of: DeliveredPush, atMs: number): void {
  const { webhook, delivery, service, rollout, text } = of;
  const act = { kind: 'webhook', by: `${webhook} ${delivery}`, from: null, via: null } as const;
  const [action, detail] =
    rollout === null ? ['delivery.remove', text] : ['delivery.deploy', `${text}: ${rollout}`];
  const what = { action, path: null, about: [service], text: detail };
  tx.addAudit({ ...act, ...plain, ...what }, atMs);
}

export interface DeliveredPush {
  webhook: string;
  delivery: string;
  service: string;
  /** Null: it took its preview away. */
  rollout: string | null;
  text: string;
}
