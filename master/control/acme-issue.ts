/**
 * Orders a certificate for one name and keeps it. What must survive a kill is in the store before the CA is asked for more; what the CA may
 * ask for is answered by every ingress, or stands in DNS, before it is told to look.
 */
import { X509Certificate } from 'node:crypto';
import type { AcmeOrder, AcmeSettings } from '../acme/order.js';
import { ordersInWindow } from '../plan/acme.js';
import type { Store } from '../store/store.js';
import type { AcmeRecord } from '../store/tables.js';
import type { AcmeOptions, AcmePort, Challenge } from './acme-port.js';
import {
  accountKey,
  accountOf,
  bindOfAccount,
  bindOfAcme,
  eventOf,
  issuerOf,
  newKey,
  ORDERS,
  ordersOf,
} from './acme-store.js';

/** How long ingresses may take to answer a challenge before the CA is told to look. */
const PROVE_MS = 30_000;
const PROVE_EVERY_MS = 300;

/** `challenges`: what the ingresses answer, by token; `own` proves to the port that an address is of this cluster. */
export function issuing(
  options: AcmeOptions,
  challenges: Map<string, Challenge>,
  own: Challenge,
): (name: string, settings: AcmeSettings) => Promise<void> {
  const { store, authority, port } = options;
  return async (name, settings) => {
    const before = recordOf(store, name, settings.directory);
    const way = await port.way(name, own, settings);
    const account = accountOf(store, authority, settings);
    const accountKeyPem = authority.unseal(account.sealedKey, bindOfAccount(settings));
    const ofOrder = bindOfAcme(name, 'order');
    const sealedKey = before.order?.sealedKey ?? authority.seal(newKey(), ofOrder);
    const keyPem = authority.unseal(sealedKey, ofOrder);
    let record: { remove(): Promise<void> } | null = null;
    let shown: string | null = null;
    /** What nobody took down, since a master before was killed, or it was proved already. */
    const takeDown = async (): Promise<void> => {
      const token = before.order?.shown;
      if (token !== undefined && token !== shown)
        await port.takeDown({ name, token, accountKeyPem }, settings);
    };
    const order: AcmeOrder = {
      ...{ settings, name, way, account: { keyPem: accountKeyPem, url: account.url } },
      keyPem,
      orderUrl: before.order?.url ?? null,
      onAccount: (url) => store.write((tx) => tx.putMeta(accountKey(settings), { ...account, url })),
      onOrder: (url) => keepOrder(store, before, { url, sealedKey }),
      async prove(token, content) {
        if (way === 'dns-01') {
          shown = token;
          keepInOrder(store, name, { shown });
          record = await port.show({ name, token, accountKeyPem }, settings);
          return;
        }
        const challenge = { token, content, name: way === 'http-01' ? null : name };
        challenges.set(token, challenge);
        keepInOrder(store, name, { challenge });
        options.onChange();
        await proved(port, name, challenge, settings);
      },
      async forget(token) {
        if (challenges.delete(token)) options.onChange();
        await record?.remove();
      },
    };
    const certPem = await port.issue(order).catch(async (error: unknown) => {
      if (!isCaGone(error)) await takeDown();
      throw error;
    });
    keepCertificate(store, before, {
      certPem,
      sealedKey: authority.seal(keyPem, bindOfAcme(name, 'certificate')),
    });
    options.onChange();
    await takeDown();
  };
}

/** What is known of the name at that CA. */
export function recordOf(store: Store, name: string, directory: string): AcmeRecord {
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
}

function keepOrder(store: Store, record: AcmeRecord, order: { url: string; sealedKey: string }): void {
  const nowMs = Date.now();
  store.write((tx) => {
    tx.putAcme({ ...record, order });
    tx.putMeta(ORDERS, [...ordersInWindow(ordersOf(store), nowMs), nowMs]);
  });
}

/** What the CA, or the next master, may need of it. */
function keepInOrder(store: Store, name: string, more: Partial<NonNullable<AcmeRecord['order']>>): void {
  store.write((tx) => {
    const now = tx.acmeRecord(name);
    if (now?.order) tx.putAcme({ ...now, order: { ...now.order, ...more } });
  });
}

function keepCertificate(
  store: Store,
  record: AcmeRecord,
  { certPem, sealedKey }: { certPem: string; sealedKey: string },
): void {
  const x509 = new X509Certificate(certPem);
  const certificate = {
    ...{ directory: record.directory, certPem, sealedKey, issuer: issuerOf(x509) },
    ...{ notBeforeMs: Date.parse(x509.validFrom), notAfterMs: Date.parse(x509.validTo) },
  };
  const isFirst = record.certificate === null;
  store.write((tx) => {
    tx.putAcme({
      ...{ ...record, certificate, order: null },
      ...{ failures: 0, nextAtMs: 0, notBeforeMs: 0, problem: null },
    });
    const message = `${record.name} has ${isFirst ? 'a' : 'another'} certificate of ${certificate.issuer}, until ${x509.validTo}`;
    tx.addEvent(eventOf(isFirst ? 'certificate.issued' : 'certificate.renewed', message));
  });
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

/** What was begun may go on: the CA was not there, or was not told to look. */
export const isCaGone = (error: unknown): boolean => (error as { isGone?: boolean }).isGone === true;
