/** Says once that a certificate of the user's expires within fourteen days, and once that it has: as events. */
import { EXPIRES_SOON_MS } from '../plan/own-certificate.js';
import type { OwnCertificate } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';

/** What was said of which one is kept, so that a restart does not say it again. */
const KEY = 'certificate-expiry';

/** The writes that say it, in one transaction with whatever else; none when nothing is new. */
export function tellExpiry(
  records: readonly OwnCertificate[],
  meta: (key: string) => unknown,
  nowMs: number,
): ((tx: Transaction) => void)[] {
  const due = records.filter(({ notAfterMs }) => notAfterMs - nowMs <= EXPIRES_SOON_MS);
  const told = new Set((meta(KEY) as string[] | undefined) ?? []);
  const said = due.map((record) => ({ record, word: wordOf(record, nowMs) }));
  const fresh = said.filter(({ word }) => !told.has(word));
  if (fresh.length === 0) return [];
  return [
    (tx) => {
      for (const { record } of fresh) tx.addEvent(eventOf(record, nowMs));
      tx.putMeta(
        KEY,
        said.map(({ word }) => word),
      );
    },
  ];
}

/** Another certificate has another end, so that it is told of anew. */
const wordOf = ({ id, notAfterMs }: OwnCertificate, nowMs: number): string =>
  `${id} ${notAfterMs} ${notAfterMs > nowMs ? 'expiring' : 'expired'}`;

function eventOf({ id, names, notAfterMs }: OwnCertificate, nowMs: number) {
  const [kind = '', ...rest] = id.split(':');
  const isFiles = kind === 'files';
  const of = isFiles ? `the files of ${rest.join(':')}` : `\`orca certs add ${rest.join(':')}\``;
  const day = new Date(notAfterMs).toISOString().slice(0, 10);
  const isOver = notAfterMs <= nowMs;
  const days = Math.max(1, Math.round((notAfterMs - nowMs) / 86_400_000));
  const when = isOver ? `expired on ${day}` : `expires in ${days} ${days === 1 ? 'day' : 'days'}, on ${day}`;
  return {
    atMs: nowMs,
    kind: isOver ? 'certificate.expired' : 'certificate.expiring',
    service: isFiles ? rest.join(':') : null,
    node: null,
    rollout: null,
    message: `the certificate of ${of} for ${names.join(', ')} ${when}; put a new one there, Orca can't renew it`,
  };
}
