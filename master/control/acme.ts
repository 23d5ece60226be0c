/**
 * Keeps a public certificate for each name that can have one: looks first whether a CA would reach it, orders a few at a time, and
 * tries again on a schedule of each name's own (plan/acme), which nothing else restarts. All that must survive a kill is in the
 * store before it is asked of the CA: the account's key, the certificate's key, the order's URL.
 */
import { messageOf } from '../../shared/errors.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { AcmeSettings } from '../acme/order.js';
import { dueAtMs, refusalOf, retryAtMs, roomAtMs } from '../plan/acme.js';
import { hasDnsRoom, isByDns } from '../plan/dns.js';
import { isCaGone, issuing, recordOf } from './acme-issue.js';
import type { AcmeOptions, Challenge } from './acme-port.js';
import {
  bindOfAcme,
  dropGone,
  eventOf,
  failureWords,
  followExpiry,
  isServed,
  ordersOf,
  unsealed,
  usable,
} from './acme-store.js';
import type { CertificateSource } from './certificates.js';
import { stapling } from './stapled.js';

export interface Acme extends CertificateSource {
  /** What the ingresses answer on port 80 now. */
  challenges(): Challenge[];
  wake(): void;
  /** Begins to look after names; what it answers ends that. What is under way at a CA goes on with the next start. */
  start(): () => Promise<void>;
}

const EVERY_MS = 10_000;
/** More than a CA or a DNS server that hangs can hold up soon. */
const AT_ONCE = 16;

export function createAcme(options: AcmeOptions): Acme {
  const { store, authority, log } = options;
  const running = new Set<string>();
  /** By token. Those of a master before: its CA may be about to ask. */
  const challenges = new Map(
    store.acmeRecords().flatMap(({ order }) => {
      const challenge = order?.challenge;
      return challenge ? [[challenge.token, challenge] as const] : [];
    }),
  );
  const opened = new Map<string, { sealedKey: string; value: ReturnType<CertificateSource['find']> }>();
  /** Proves to `reach` that an address is of this cluster. */
  const own: Challenge = {
    ...{ token: `orca-${authority.clusterId}`, content: `orca-${authority.clusterId}`, name: null },
  };
  const issue = issuing(options, challenges, own);
  let isOver = false;
  /** Something is due, and waits for the ingresses. */
  let isHeld = false;
  let loop: Loop | null = null;

  const attempt = async (name: string, settings: AcmeSettings): Promise<void> => {
    const before = store.acmeRecord(name)?.order?.challenge;
    try {
      await issue(name, settings).finally(() => before && challenges.delete(before.token));
    } catch (error) {
      // What was tried with settings of before says nothing of those of now.
      if (isOver || options.settings()?.directory !== settings.directory) return;
      const { todo = null, notBeforeMs = 0 } = error as { todo?: string | null; notBeforeMs?: number };
      const nowMs = Date.now();
      const record = recordOf(store, name, settings.directory);
      const failures = record.failures + 1;
      const reason = messageOf(error);
      log.warn({ name, reason }, 'no certificate could be had');
      store.write((tx) => {
        tx.putAcme({
          ...record,
          failures,
          nextAtMs: retryAtMs(failures, nowMs, notBeforeMs),
          notBeforeMs,
          problem: { atMs: nowMs, reason, todo },
          // A refused order is over; one that the CA was not there for, or not told to look, is gone on with.
          order: isCaGone(error) ? record.order : null,
        });
        if (record.problem?.reason !== reason)
          tx.addEvent(eventOf('certificate.failed', failureWords(record, reason, nowMs)));
      });
    }
  };

  const pass = async (): Promise<void> => {
    const settings = options.settings();
    const nowMs = Date.now();
    const wanted = settings === null ? new Set<string>() : options.wanted();
    dropGone(store, wanted, nowMs);
    const endsAtMs = followExpiry(store, options.onChange, nowMs);
    if (endsAtMs !== null) loop?.wakeAt(endsAtMs + 1);
    if (settings === null) return;
    const dns = settings.dns ?? null;
    const isDns = (name: string): boolean => isByDns(name, dns);
    const due = [...wanted]
      .filter((name) => refusalOf(name, dns !== null) === null && !running.has(name))
      .map((name) => ({ name, atMs: dueAtMs(usable(authority, store.acmeRecord(name)), settings.directory) }))
      .sort((a, b) => a.atMs - b.atMs);
    const roomMs = roomAtMs(ordersOf(store), nowMs);
    const areServed = isServed(store);
    // A record in DNS needs no ingress.
    const isReady = (name: string): boolean => isDns(name) || (areServed && options.isAssigned(name));
    isHeld = due.some(({ name, atMs }) => atMs <= nowMs && !isReady(name));
    for (const { name, atMs } of due) {
      if (atMs > nowMs) {
        loop?.wakeAt(atMs);
        break;
      }
      if (running.size >= AT_ONCE) break;
      if (roomMs > nowMs) {
        loop?.wakeAt(roomMs);
        break;
      }
      if (!isReady(name)) continue;
      if (isDns(name) && !hasDnsRoom(name, [...running].filter(isDns))) continue;
      running.add(name);
      attempt(name, settings)
        .catch((error) =>
          log.error({ name, error: messageOf(error) }, 'what came of a try could not be stored'),
        )
        .finally(() => {
          running.delete(name);
          if (!isOver) loop?.wake();
        });
    }
  };

  return {
    find(name) {
      const certificate = store.acmeRecord(name)?.certificate ?? null;
      if (certificate === null || certificate.notAfterMs <= Date.now()) return null;
      const known = opened.get(name);
      if (known?.sealedKey === certificate.sealedKey) return known.value;
      const { certPem, sealedKey } = certificate;
      const keyPem = unsealed(authority, sealedKey, bindOfAcme(name, 'certificate'));
      if (keyPem === null) return null;
      const value = { names: [name], certPem, keyPem, ...stapling(certPem) };
      opened.set(name, { sealedKey, value });
      return value;
    },
    challenges: () =>
      options.settings() === null
        ? []
        : [own, ...[...challenges.values()].sort((a, b) => (a.token < b.token ? -1 : 1))],
    wake: () => loop?.wake(),
    start() {
      const started = startLoop(pass, {
        everyMs: EVERY_MS,
        onError: (error) => log.error({ error: messageOf(error) }, 'certificates could not be looked after'),
      });
      loop = started;
      // What is served, and where the cluster is reached, may be another.
      const unwatch = store.watch(({ services, nodes }) => {
        if (services.size > 0 || (isHeld && nodes.size > 0)) started.wake();
      });
      return async () => {
        isOver = true;
        unwatch();
        await started.stop();
      };
    },
  };
}
