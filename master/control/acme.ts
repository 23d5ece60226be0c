/**
 * Keeps a public certificate for each name that can have one: looks first whether a CA would reach it, orders a few at a time, and
 * tries again on a schedule of each name's own (plan/acme), which nothing else restarts. All that must survive a kill is in the
 * store before it is asked of the CA: the account's key, the certificate's key, the order's URL.
 */
import { X509Certificate } from 'node:crypto';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import { type Loop, startLoop } from '../../shared/loop.js';
import type { AcmeOrder, AcmeSettings, Way } from '../acme/order.js';
import { dueAtMs, ordersInWindow, refusalOf, retryAtMs, roomAtMs } from '../plan/acme.js';
import type { Store } from '../store/store.js';
import type { AcmeRecord } from '../store/tables.js';
import {
  accountKey,
  accountOf,
  dropGone,
  eventOf,
  isServed,
  issuerOf,
  newKey,
  ORDERS,
  ordersOf,
  unsealed,
  usable,
} from './acme-store.js';
import type { CertificateSource } from './certificates.js';
import { stapling } from './stapled.js';

export interface Challenge {
  token: string;
  content: string;
  /** Null: by HTTP, else the name whose handshakes show it. */
  name: string | null;
}

/** What talks to the outside; what it throws has `message`, `todo` and `notBeforeMs`. */
export interface AcmePort {
  /** By which way a CA would reach this cluster under the name: resolves when every address of the name answers. */
  way(name: string, own: Challenge, settings: AcmeSettings): Promise<Way>;
  /** Resolves when every address of the name answers with that challenge. */
  reach(name: string, challenge: Challenge, settings: AcmeSettings): Promise<void>;
  /** The certificate with its chain, PEM. */
  issue(order: AcmeOrder): Promise<string>;
}

export interface AcmeOptions {
  store: Store;
  authority: { clusterId: string; seal(plain: string): string; unseal(sealed: string): string };
  /** Null: ACME is off. */
  settings(): AcmeSettings | null;
  /** Names that are served and have no certificate of the user's. */
  wanted(): ReadonlySet<string>;
  port: AcmePort;
  /** What `find` or `challenges` answer has changed. */
  onChange(): void;
  log: Log;
}

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
/** How long ingresses may take to answer a challenge before the CA is told to look. */
const PROVE_MS = 30_000;
const PROVE_EVERY_MS = 300;

export function createAcme(options: AcmeOptions): Acme {
  const { store, authority, port, log } = options;
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
  let isOver = false;
  /** Something is due, and waits for the ingresses. */
  let isHeld = false;
  let loop: Loop | null = null;

  const recordOf = (name: string, directory: string): AcmeRecord => {
    const fresh = {
      name,
      directory,
      certificate: null,
      order: null,
      failures: 0,
      nextAtMs: 0,
      problem: null,
    };
    const stored = store.acmeRecord(name);
    if (!stored) return fresh;
    // The other CA's serves until this one has issued.
    if (stored.directory === directory) return stored;
    const { certificate } = stored;
    return { ...fresh, certificate: certificate && { directory: stored.directory, ...certificate } };
  };
  const issue = async (name: string, settings: AcmeSettings): Promise<void> => {
    const record = recordOf(name, settings.directory);
    const way = await port.way(name, own, settings);
    const account = accountOf(store, authority, settings);
    const sealedKey = record.order?.sealedKey ?? authority.seal(newKey());
    const certPem = await port.issue({
      settings,
      name,
      way,
      account: { keyPem: authority.unseal(account.sealedKey), url: account.url },
      keyPem: authority.unseal(sealedKey),
      orderUrl: record.order?.url ?? null,
      onAccount: (url) => store.write((tx) => tx.putMeta(accountKey(settings), { ...account, url })),
      onOrder: (url) => {
        const nowMs = Date.now();
        store.write((tx) => {
          tx.putAcme({ ...record, order: { url, sealedKey } });
          tx.putMeta(ORDERS, [...ordersInWindow(ordersOf(store), nowMs), nowMs]);
        });
      },
      prove: async (token, content) => {
        const challenge = { token, content, name: way === 'http-01' ? null : name };
        challenges.set(token, challenge);
        store.write((tx) => {
          const now = tx.acmeRecord(name);
          if (now?.order) tx.putAcme({ ...now, order: { ...now.order, challenge } });
        });
        options.onChange();
        await proved(port, name, challenge, settings);
      },
      forget: (token) => {
        if (challenges.delete(token)) options.onChange();
      },
    });
    const x509 = new X509Certificate(certPem);
    const certificate = {
      ...{ directory: settings.directory, certPem, sealedKey, issuer: issuerOf(x509) },
      ...{ notBeforeMs: Date.parse(x509.validFrom), notAfterMs: Date.parse(x509.validTo) },
    };
    const isFirst = record.certificate === null;
    store.write((tx) => {
      tx.putAcme({
        ...record,
        certificate,
        order: null,
        failures: 0,
        nextAtMs: 0,
        notBeforeMs: 0,
        problem: null,
      });
      const message = `${name} has ${isFirst ? 'a' : 'another'} certificate of ${certificate.issuer}, until ${x509.validTo}`;
      tx.addEvent(eventOf(isFirst ? 'certificate.issued' : 'certificate.renewed', message));
    });
    options.onChange();
  };

  const attempt = async (name: string, settings: AcmeSettings): Promise<void> => {
    const before = store.acmeRecord(name)?.order?.challenge;
    try {
      await issue(name, settings).finally(() => before && challenges.delete(before.token));
    } catch (error) {
      // What was tried with settings of before says nothing of those of now.
      if (isOver || options.settings()?.directory !== settings.directory) return;
      const { todo = null, notBeforeMs = 0 } = error as { todo?: string | null; notBeforeMs?: number };
      const nowMs = Date.now();
      const record = recordOf(name, settings.directory);
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
          // A refused order is over; one that the CA was not there for is gone on with.
          order: isCaGone(error) ? record.order : null,
        });
        if (record.problem?.reason !== reason)
          tx.addEvent(eventOf('certificate.failed', `${name} gets no certificate: ${reason}`));
      });
    }
  };

  const pass = async (): Promise<void> => {
    const settings = options.settings();
    const nowMs = Date.now();
    const wanted = settings === null ? new Set<string>() : options.wanted();
    dropGone(store, wanted, nowMs);
    if (settings === null) return;
    const due = [...wanted]
      .filter((name) => refusalOf(name) === null && !running.has(name))
      .map((name) => ({ name, atMs: dueAtMs(usable(authority, store.acmeRecord(name)), settings.directory) }))
      .sort((a, b) => a.atMs - b.atMs);
    const roomMs = roomAtMs(ordersOf(store), nowMs);
    isHeld = due.some(({ atMs }) => atMs <= nowMs) && !isServed(store);
    if (isHeld) return;
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
      const keyPem = unsealed(authority, sealedKey);
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

/** Until every address of the name answers it: a CA asks once. */
async function proved(
  port: AcmePort,
  name: string,
  challenge: Challenge,
  settings: AcmeSettings,
): Promise<void> {
  const giveUpAtMs = Date.now() + PROVE_MS;
  for (;;) {
    const error = await port.reach(name, challenge, settings).then(
      () => null,
      (why: unknown) => why,
    );
    if (error === null) return;
    if (Date.now() > giveUpAtMs) throw error;
    await new Promise((resolve) => setTimeout(resolve, PROVE_EVERY_MS));
  }
}

const isCaGone = (error: unknown): boolean => (error as { isGone?: boolean }).isGone === true;
