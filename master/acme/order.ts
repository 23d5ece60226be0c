/** What one order of a certificate is made from, as who looks after names gives it to the client. */

export interface AcmeSettings {
  /** URL of the CA's directory. */
  directory: string;
  email: string;
  /** PEM files beside the roots that Node.js trusts; absolute. */
  trustedRoots: string[];
  eab: { kid: string; key: string } | null;
  /** DNS servers as `HOST:PORT`; empty: the machine's. */
  resolvers: string[];
  /** Absent or null: nothing is ordered by DNS-01. */
  dns?: DnsSettings | null;
}

/** How records are made that prove a name: by a module of a Caddy on the master's host. */
export interface DnsSettings {
  /** Below `dns.providers`. */
  module: string;
  /** Of the module; texts in it may refer to secrets. */
  options: Record<string, unknown>;
  /** Which names beside wildcards are ordered so (plan/dns). */
  names: string[];
  /** `auto`, or the path of a binary. */
  caddy: string;
  /** DNS servers that are asked for the record; empty: those of the zone. */
  resolvers: string[];
  /** How long the record may take to be there; null: nobody looks. */
  propagationTimeoutMs: number | null;
  /** What is waited before the first look. */
  propagationDelayMs: number;
}

/** How a CA is shown that a name is ours: by HTTP on port 80, in a handshake on port 443, or by a record in DNS. */
export type Way = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface AcmeOrder {
  settings: AcmeSettings;
  name: string;
  way: Way;
  /** `url` is null until the CA has said it. */
  account: { keyPem: string; url: string | null };
  /** The certificate's key, PEM. */
  keyPem: string;
  /** Of an order that was begun before; null: none was. */
  orderUrl: string | null;
  onAccount(url: string): void;
  onOrder(url: string): void;
  /** Has `content` answered for `token` wherever the CA may ask; `forget` ends that. */
  prove(token: string, content: string): Promise<void>;
  forget(token: string): void | Promise<void>;
}
