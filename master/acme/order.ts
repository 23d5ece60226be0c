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
  /** The module of Caddy that DNS-01 is asked for by; absent or null: it is not. */
  dns?: string | null;
}

/** How a CA is shown that a name is ours: by HTTP on port 80, or in a handshake on port 443. */
export type Way = 'http-01' | 'tls-alpn-01';

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
  forget(token: string): void;
}
