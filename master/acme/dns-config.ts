/**
 * The configuration of a Caddy that does one thing: show the record that proves a name (DNS-01). PURE. It serves nothing, has no admin
 * API, keeps no copy of this, and orders of the go-between on the loopback alone. Fields as Caddy 2.6.2 and 2.11.9 have them
 * (modules/caddytls/acmeissuer.go and automation.go).
 */
import type { DnsSettings } from './order.js';

export interface DnsConfig {
  /** `*.example.com`, or a name. */
  name: string;
  /** Of the go-between. */
  directory: string;
  /** What the record says follows from it; null: nothing is ordered, only looked whether Caddy takes the rest. */
  accountKeyPem: string | null;
  dns: DnsSettings;
  /** The provider's, with the values of its secrets. */
  options: Record<string, unknown>;
  /** A folder of this Caddy's own. */
  storage: string;
}

const NS_IN_MS = 1_000_000;
/** Caddy's word for: don't look whether the record is there. */
const NOT_LOOKED = -1;

export function dnsConfig({ name, directory, accountKeyPem, dns, options, storage }: DnsConfig): object {
  const { resolvers, propagationTimeoutMs, propagationDelayMs } = dns;
  const challenge = {
    provider: { ...options, name: dns.module },
    propagation_timeout: propagationTimeoutMs === null ? NOT_LOOKED : propagationTimeoutMs * NS_IN_MS,
    ...(propagationDelayMs > 0 ? { propagation_delay: propagationDelayMs * NS_IN_MS } : {}),
    ...(resolvers.length > 0 ? { resolvers } : {}),
  };
  const issuer = {
    module: 'acme',
    ca: directory,
    ...(accountKeyPem === null ? {} : { account_key: accountKeyPem }),
    challenges: { http: { disabled: true }, 'tls-alpn': { disabled: true }, dns: challenge },
  };
  return {
    admin: { disabled: true, config: { persist: false } },
    logging: { logs: { default: { writer: { output: 'stderr' }, encoder: { format: 'json' } } } },
    storage: { module: 'file_system', root: storage },
    apps: {
      tls: {
        certificates: { automate: [name] },
        automation: { policies: [{ subjects: [name], issuers: [issuer], disable_ocsp_stapling: true }] },
      },
    },
  };
}
