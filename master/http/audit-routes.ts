/** `/audit`: who did what. Read, followed and checked, and changed by nothing. */
import * as z from 'zod';
import { type AuditEntry, auditReplySchema, auditVerdictSchema, isBy } from '../../shared/api-audit.js';
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { ofCluster } from './access.js';
import type { Audit } from './access-ports.js';
import { nextChange } from './follow.js';
import { answer, flag, isSet, type Route, route, unset } from './route.js';
import { readSince } from './since.js';

const touches = ofCluster('rule', 'the audit trail');
const MAX_ENTRIES = 10_000;
const LOOK_EVERY_MS = 60_000;

export function auditRoutes(store: Store, audit: Audit): Route[] {
  return [
    route('GET /audit', {
      summary:
        'Who did what, from where, and what came of it, oldest first; goes on with ?follow=true, behind ?after=N',
      touches,
      query: z.object({
        since: unset(z.string()),
        by: unset(z.string()),
        limit: unset(z.coerce.number().int().min(1).max(MAX_ENTRIES)),
        after: unset(z.coerce.number().int().min(0)),
        follow: flag,
      }),
      reply: auditReplySchema,
      run: async ({ query, signal }) => {
        const by = query.by ?? null;
        const { number: head } = store.auditHead();
        const read = { since: readSince(query.since), by, limit: query.limit ?? 100 };
        const entries =
          query.after === undefined
            ? await audit.read({
                ...read,
                since: read.since === null ? null : new Date(read.since).toISOString(),
              })
            : [];
        if (!isSet(query.follow))
          return answer({ entries: query.after === undefined ? entries : audit.after(query.after) });
        const last = query.after ?? entries.at(-1)?.number ?? head;
        return { kind: 'lines', lines: follow(store, audit, { entries, last, by }, signal) };
      },
    }),
    route('GET /audit/verify', {
      summary:
        'Checks that every entry is as it was written; ?head=N:HASH also that it is still the trail of then',
      touches,
      query: z.object({ head: unset(z.string()) }),
      reply: auditVerdictSchema,
      run: async ({ query }) =>
        answer(await audit.verify(query.head === undefined ? null : readHead(query.head))),
    }),
  ];
}

interface From {
  entries: AuditEntry[];
  /** What is behind this one is new. */
  last: number;
  by: string | null;
}

async function* follow(
  store: Store,
  audit: Audit,
  { entries, last, by }: From,
  signal: AbortSignal,
): AsyncGenerator<AuditEntry> {
  yield* entries;
  let at = last;
  while (!signal.aborted) {
    const more = audit.after(at);
    at = more.at(-1)?.number ?? at;
    for (const entry of more) if (by === null || isBy(entry, by)) yield entry;
    if (more.length === 0)
      await nextChange(store, () => store.auditHead().number > at, LOOK_EVERY_MS, signal);
  }
}

function readHead(text: string): { number: number; hash: string } {
  const [, number, hash] = /^(\d{1,12}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number !== undefined && hash !== undefined) return { number: Number(number), hash };
  throw new OrcaError('BODY_INVALID', 'head: must be the number and the hash of an entry, as `NUMBER:HASH`', {
    hint: '`orca audit --verify` prints them.',
  });
}
