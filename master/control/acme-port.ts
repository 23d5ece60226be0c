/** What orders of certificates need of others: the settings, the names, and what talks to CAs, to DNS and to addresses. */
import type { Log } from '../../shared/log.js';
import type { AcmeOrder, AcmeSettings, Way } from '../acme/order.js';
import type { Store } from '../store/store.js';

export interface Challenge {
  token: string;
  content: string;
  /** Null: by HTTP, else the name whose handshakes show it. */
  name: string | null;
}

/** What the record says follows from the CA's token and the account's key. */
export interface DnsRecord {
  name: string;
  token: string;
  accountKeyPem: string;
}

/** What talks to the outside; what it throws has `message`, `todo` and `notBeforeMs`. */
export interface AcmePort {
  /** By which way a CA would be shown the name: resolves when every address of it answers, or when a record can be made. */
  way(name: string, own: Challenge, settings: AcmeSettings): Promise<Way>;
  /** Resolves when every address of the name answers with that challenge. */
  reach(name: string, challenge: Challenge, settings: AcmeSettings): Promise<void>;
  /** Has the record shown that proves the name (DNS-01); resolves when it is there. */
  show(record: DnsRecord, settings: AcmeSettings): Promise<{ remove(): Promise<void> }>;
  /** Takes down a record that a master before may have left. Never throws. */
  takeDown(record: DnsRecord, settings: AcmeSettings): Promise<void>;
  /** The certificate with its chain, PEM. */
  issue(order: AcmeOrder): Promise<string>;
}

export interface AcmeOptions {
  store: Store;
  authority: {
    clusterId: string;
    seal(plain: string, bind: string): string;
    unseal(sealed: string, bind: string): string;
  };
  /** Null: ACME is off. */
  settings(): AcmeSettings | null;
  /** Names that are served and have no certificate of the user's. */
  wanted(): ReadonlySet<string>;
  /** What the ingresses are assigned knows the name: before, a look would find nothing of it. */
  isAssigned(name: string): boolean;
  port: AcmePort;
  /** What `find` or `challenges` answer has changed. */
  onChange(): void;
  log: Log;
}
