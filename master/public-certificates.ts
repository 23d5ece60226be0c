/** ACME as the master runs it: its settings, the names that are served, and the ingresses that answer for them. */
import { X509Certificate } from 'node:crypto';
import { CHALLENGE_PATH } from '../shared/challenge-path.js';
import type { Log } from '../shared/log.js';
import { createIssuer, provesInHandshake } from './acme/client.js';
import type { AcmeSettings } from './acme/order.js';
import { answersHttp, everyAddress, type Found, showsCertificate, withUnseen } from './acme/reach.js';
import type { Authority } from './authority.js';
import { type Acme, type AcmePort, createAcme } from './control/acme.js';
import { retryNow } from './control/acme-retry.js';
import { wantedNames } from './control/certificates.js';
import type { States } from './control/states.js';
import { refusalOf } from './plan/acme.js';
import { dnsFinding, dnsProblem, NOT_ORDERED, needsDns } from './plan/dns.js';
import type { Store } from './store/store.js';

export interface PublicCertificatesOptions {
  store: Store;
  states: States;
  authority: Authority;
  settings(): { acme: AcmeSettings | null; domain: string | null };
  /** A certificate of the user's covers it. */
  isCovered(name: string): boolean;
  /** What is served for the name now, PEM; null: nothing. */
  served(name: string): string | null;
  onChange(): void;
  log: Log;
}

export interface PublicCertificates extends Acme {
  /** What the API asks. */
  commands: {
    notPublic(name: string): string | null;
    isOrdered(name: string): boolean;
    retry(name: string, by: string): string;
    /** Why it has no public certificate though `[acme] dns` asks for DNS-01; null: it needs none, or it is not asked for. */
    needsDns(name: string): { reason: string; todo: string } | null;
  };
  /** What `[acme] dns` comes to, for whoever has just read the configuration; empty: it is not set. */
  dnsNotes(): string[];
}

export function createPublicCertificates(options: PublicCertificatesOptions): PublicCertificates {
  const { store, states, settings } = options;
  const wanted = (): Set<string> => {
    const { domain } = settings();
    const names = [...wantedNames(states.all()), ...(domain === null ? [] : [domain])];
    return new Set(names.filter((name) => !options.isCovered(name)));
  };
  const acme = createAcme({
    ...{ store, authority: options.authority, wanted, log: options.log },
    settings: () => settings().acme,
    port: portOf(options),
    onChange: options.onChange,
  });
  const { isCovered } = options;
  const retrying = { store, settings: () => settings().acme, wanted, isCovered, wake: acme.wake };
  const edges = () =>
    store.nodes().flatMap(({ ingress, facts, ingressObserved }) => {
      return ingress ? [{ name: facts.name, providers: ingressObserved?.dnsProviders ?? null }] : [];
    });
  const dnsAsked = () => settings().acme?.dns ?? null;
  return {
    ...acme,
    dnsNotes() {
      const dns = dnsAsked();
      return dns === null ? [] : [`[acme] dns: ${dnsFinding(dns, edges())}; ${NOT_ORDERED}`];
    },
    commands: {
      needsDns(name) {
        const dns = dnsAsked();
        return dns !== null && needsDns(name) && !isCovered(name) ? dnsProblem(name, dns, edges()) : null;
      },
      notPublic: (name) => (settings().acme === null ? null : refusalOf(name)),
      isOrdered: (name) => settings().acme !== null && refusalOf(name) === null && !isCovered(name),
      retry: (name, by) => retryNow(retrying, name, by, Date.now()),
    },
  };
}

function portOf({ store, served }: PublicCertificatesOptions): AcmePort {
  const issue = createIssuer();
  const placed = (name: string, { resolvers }: AcmeSettings) => ({
    ...{ name, resolvers },
    ingress: store.nodes().flatMap(({ ingress, facts }) => (ingress ? [facts.address] : [])),
  });
  /** By name: addresses that nobody could look at, when the others were looked at last. */
  const unseen = new Map<string, string[]>();
  const reach: AcmePort['reach'] = async (name, { token, content, name: shown }, settings) => {
    const left = await everyAddress(placed(name, settings), (address) =>
      shown === null
        ? answersHttp(address, name, `${CHALLENGE_PATH}${token}`, content)
        : showsCertificate(address, {
            name,
            protocol: 'acme-tls/1',
            isIt: (der) => provesInHandshake(der, content),
          }),
    );
    unseen.set(name, left);
  };
  return {
    reach,
    async way(name, own, settings) {
      const problem = await reach(name, own, settings).then(
        () => null,
        (error: unknown) => error,
      );
      if (problem === null) return 'http-01';
      const pem = served(name);
      const leaf = pem === null ? null : new X509Certificate(pem).raw;
      const left = await everyAddress(placed(name, settings), (address) =>
        untilShown(() => showsCertificate(address, { name, isIt: (der) => leaf?.equals(der) ?? false })),
      ).catch(() => {
        throw problem;
      });
      unseen.set(name, left);
      return 'tls-alpn-01';
    },
    issue: (order) =>
      issue(order).catch((error: unknown) => {
        throw withUnseen(error, unseen.get(order.name) ?? []);
      }),
  };
}

/** A name that was deployed a moment ago is shown once every ingress has its route: until then it answers with another certificate. */
const SHOWN_MS = 10_000;
const SHOWN_EVERY_MS = 300;

async function untilShown(look: () => Promise<Found>): Promise<Found> {
  const giveUpAtMs = Date.now() + SHOWN_MS;
  for (;;) {
    const found = await look();
    const isAnother = found.says !== null && found.code === undefined;
    if (!isAnother || Date.now() > giveUpAtMs) return found;
    await new Promise((resolve) => setTimeout(resolve, SHOWN_EVERY_MS));
  }
}
