/** ACME as the master runs it: its settings, the names that are served, the ingresses that answer for them, and records in DNS. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CHALLENGE_PATH } from '../shared/challenge-path.js';
import { messageOf } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { createDns, type Dns } from './acme/dns.js';
import type { AcmeSettings } from './acme/order.js';
import { answersHttp, everyAddress, type Found, showsCertificate, withUnseen } from './acme/reach.js';
import type { Authority } from './authority.js';
import { childEnv } from './child-env.js';
import { type Acme, createAcme } from './control/acme.js';
import type { AcmePort } from './control/acme-port.js';
import { retryByDns, retryNow } from './control/acme-retry.js';
import { wantedNames } from './control/certificates.js';
import type { States } from './control/states.js';
import { refusalOf } from './plan/acme.js';
import { isByDns } from './plan/dns.js';
import { previewWildcard } from './plan/preview-wildcard.js';
import type { Store } from './store/store.js';

export interface PublicCertificatesOptions {
  home: string;
  store: Store;
  states: States;
  authority: Authority;
  settings(): { acme: AcmeSettings | null; domain: string | null };
  /** A certificate of the user's covers it. */
  isCovered(name: string): boolean;
  /** The value of a secret of all projects; null: there is none that can be read. */
  secret(name: string): string | null;
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
    /** The name whose certificate serves a preview of that name; null: it has one of its own, or none. */
    wildcardOf(name: string): string | null;
    isAcmeOff(): boolean;
    retry(name: string, by: string): string;
  };
  /** After the configuration was read again: what `[acme] dns` comes to now, said in sentences; what failed by it is tried again. */
  settingsRead(): Promise<string[]>;
}

export function createPublicCertificates(options: PublicCertificatesOptions): PublicCertificates {
  const { store, states, settings } = options;
  const isUsable = (name: string): boolean =>
    (store.acmeRecord(name)?.certificate?.notAfterMs ?? 0) > Date.now();
  const wildcardOf = (name: string): string | null => {
    const wildcard = previewWildcard(name, () => states.all().map(({ service }) => service.spec));
    return wildcard !== null && isUsable(wildcard) ? wildcard : null;
  };
  const wanted = (): Set<string> => {
    const { domain } = settings();
    const names = [...wantedNames(states.all()), ...(domain === null ? [] : [domain])];
    return new Set(names.filter((name) => !options.isCovered(name) && wildcardOf(name) === null));
  };
  const dns = createDns({
    folder: join(options.home, 'dns-challenges'),
    env: childEnv(process.env),
    secret: options.secret,
    onLeft: (name, why) => options.log.warn({ name, why }, 'the record of a challenge may be left in DNS'),
  });
  const acme = createAcme({
    ...{ store, authority: options.authority, wanted, log: options.log },
    settings: () => settings().acme,
    port: portOf(options, dns),
    isAssigned: (name) => options.served(name) !== null,
    onChange: options.onChange,
  });
  const { isCovered } = options;
  const retrying = { store, settings: () => settings().acme, wanted, isCovered, wake: acme.wake };
  const refused = (name: string): string | null => refusalOf(name, (settings().acme?.dns ?? null) !== null);
  let dnsBefore = JSON.stringify(settings().acme?.dns ?? null);
  return {
    ...acme,
    find: (name) => acme.find(name) ?? acme.find(wildcardOf(name) ?? name),
    start() {
      const stop = acme.start();
      return async () => {
        await stop();
        dns.stop();
      };
    },
    async settingsRead() {
      const now = settings().acme?.dns ?? null;
      if (JSON.stringify(now) !== dnsBefore) retryByDns(retrying, Date.now());
      dnsBefore = JSON.stringify(now);
      acme.wake();
      return now === null ? [] : [await foundOf(dns, now)];
    },
    commands: {
      notPublic: (name) => (settings().acme === null ? null : refused(name)),
      wildcardOf: (name) => (isUsable(name) ? null : wildcardOf(name)),
      isAcmeOff: () => settings().acme === null,
      isOrdered: (name) => settings().acme !== null && refused(name) === null && !isCovered(name),
      retry: (name, by) => retryNow(retrying, name, by, Date.now()),
    },
  };
}

async function foundOf(dns: Dns, settings: NonNullable<AcmeSettings['dns']>): Promise<string> {
  return dns.check(settings).then(
    (binary) => `[acme] dns: ${binary} has the module dns.providers.${settings.module} and takes its options`,
    (error: unknown) => {
      const { todo } = error as { todo?: string | null };
      return `[acme] dns: ${messageOf(error)}${todo ? ` (${todo})` : ''}`;
    },
  );
}

function portOf({ store, served }: PublicCertificatesOptions, dns: Dns): AcmePort {
  let loaded: ReturnType<typeof loadClient> | null = null;
  const client = () => {
    loaded ??= loadClient();
    return loaded;
  };
  const placed = (name: string, { resolvers }: AcmeSettings) => ({
    ...{ name, resolvers },
    ingress: store.nodes().flatMap(({ ingress, facts }) => (ingress ? [facts.address] : [])),
  });
  /** By name: addresses that nobody could look at, when the others were looked at last. */
  const unseen = new Map<string, string[]>();
  const reach: AcmePort['reach'] = async (name, { token, content, name: shown }, settings) => {
    const { provesInHandshake } = await client();
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
    async show(record, { dns: how }) {
      if (!how) throw new Error('[acme] dns was taken out of cluster.toml');
      return await dns.show(record, how);
    },
    async takeDown(record, { dns: how }) {
      if (how) await dns.takeDown(record, how);
    },
    async way(name, own, settings) {
      if (settings.dns && isByDns(name, settings.dns)) {
        await dns.check(settings.dns);
        return 'dns-01';
      }
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
    async issue(order) {
      const { issue } = await client();
      return await issue(order).catch((error: unknown) => {
        throw withUnseen(error, unseen.get(order.name) ?? []);
      });
    },
  };
}

/** Loaded when something is ordered: a third of what a master loads otherwise, and most never order anything. */
async function loadClient() {
  const { createIssuer, provesInHandshake } = await import('./acme/client.js');
  return { issue: createIssuer(), provesInHandshake };
}

/** An ingress that has taken its assignment loads a new name a moment later: until then it answers with another certificate. */
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
