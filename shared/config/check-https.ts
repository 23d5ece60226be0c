/** What must hold between the keys that say how the names of a service are served: with which certificate, or without any. */
import type { Problem } from './problem.js';
import type { ServiceTable } from './service-schema.js';

/** What https://hstspreload.org asks for before a name goes into the lists of browsers (read 2026-11). */
const PRELOAD_MIN_SECS = 31_536_000;

/** `routed`: it has a domain. */
export function checkHttps(service: ServiceTable, routed: boolean): Problem[] {
  return [...checkFiles(service, routed), ...checkHttpOnly(service, routed), ...checkHsts(service, routed)];
}

function checkFiles({ tls_cert, tls_key }: ServiceTable, routed: boolean): Problem[] {
  if (tls_cert === undefined && tls_key === undefined) return [];
  if (tls_cert === undefined) return [{ path: ['tls_cert'], message: 'is required with tls_key' }];
  if (tls_key === undefined) return [{ path: ['tls_key'], message: 'is required with tls_cert' }];
  return routed ? [] : [{ path: ['tls_cert'], message: NO_DOMAIN }];
}

function checkHttpOnly({ http_only, tls_cert, tls_key }: ServiceTable, routed: boolean): Problem[] {
  if (!http_only) return [];
  if (!routed) return [{ path: ['http_only'], message: NO_DOMAIN }];
  const key = tls_cert !== undefined ? 'tls_cert' : 'tls_key';
  if (tls_cert === undefined && tls_key === undefined) return [];
  return [{ path: [key], message: 'has no effect with http_only, which serves without TLS; keep one' }];
}

function checkHsts({ hsts, http_only }: ServiceTable, routed: boolean): Problem[] {
  if (hsts === undefined) return [];
  if (!routed) return [{ path: ['hsts'], message: NO_DOMAIN }];
  if (http_only) {
    const message =
      'is for names that Orca serves over HTTPS; with http_only the TLS proxy in front sends it';
    return [{ path: ['hsts'], message }];
  }
  const { maxAgeSecs, includeSubdomains, preload } = hsts;
  if (!preload || (includeSubdomains && maxAgeSecs >= PRELOAD_MIN_SECS)) return [];
  const message =
    'needs include_subdomains = true and a max_age of 365d or more: browsers list no name without';
  return [{ path: ['hsts', 'preload'], message }];
}

const NO_DOMAIN = 'has no effect without a domain; add domain';
