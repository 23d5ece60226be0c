/**
 * Which names get a public certificate, when each is tried, and how often. PURE. The pace is that of Let's Encrypt
 * (https://letsencrypt.org/docs/rate-limits/, read 2026-11): 300 new orders an account in 3 hours, 5 failed authorizations a
 * name in an hour. Other CAs allow more.
 */

/** What is known of a name, as far as its next try depends on it. */
export interface Tracked {
  /** The CA that its failures are of. */
  directory: string;
  /** `directory`: the CA that it is of; absent: that one. */
  certificate: { directory?: string; notBeforeMs: number; notAfterMs: number } | null;
  failures: number;
  nextAtMs: number;
}

const MINUTE_MS = 60_000;
const RETRY_MS = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS];
/** How long the tries of a name that is gone are known beyond its wait. */
const KEPT_MS = 24 * 60 * MINUTE_MS;
/** Of the CA's 300, so that somebody can still order by hand. */
const ORDERS_IN_WINDOW = 250;
const WINDOW_MS = 180 * MINUTE_MS;

/** Top-level names that no public CA issues for (RFC 2606, 6761, 6762, 8375 and the reserved `internal`). */
const PRIVATE = ['localhost', 'internal', 'local', 'invalid', 'test', 'onion', 'home.arpa'];

/** Why no public CA can give the name a certificate; null: one can. `hasDns`: orders by DNS-01 are set up. */
export function refusalOf(asked: string, hasDns: boolean): string | null {
  const isWildcard = asked.startsWith('*.');
  if (isWildcard && !hasDns) return 'a wildcard needs DNS-01, which [acme] dns in cluster.toml sets up';
  const name = isWildcard ? asked.slice(2) : asked;
  if (/^[\d.]+$/.test(name) || name.includes(':')) return 'it is an address, not a name';
  if (!name.includes('.')) return 'it is no public name';
  const parent = PRIVATE.find((one) => name === one || name.endsWith(`.${one}`));
  return parent === undefined ? null : `no public CA issues for .${parent}`;
}

/** When a certificate is ordered for the name, ms; at once is 0. A certificate is renewed when two thirds of its life have passed. */
export function dueAtMs(record: Tracked | undefined, directory: string): number {
  if (record === undefined) return 0;
  const { certificate } = record;
  // Another CA was asked for: its own has no failures to wait for.
  const waitMs = record.directory === directory ? record.nextAtMs : 0;
  const isOfIt = certificate !== null && (certificate.directory ?? record.directory) === directory;
  return isOfIt ? Math.max(waitMs, renewsAtMs(certificate)) : waitMs;
}

export function renewsAtMs({ notBeforeMs, notAfterMs }: { notBeforeMs: number; notAfterMs: number }): number {
  return notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3;
}

/** When it is tried again after so many failures in a row: 1, 5, 15 minutes, then each hour; later where the CA said so. */
export function retryAtMs(failures: number, nowMs: number, notBeforeMs = 0): number {
  const waitMs = RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? MINUTE_MS;
  return Math.max(nowMs + waitMs, notBeforeMs);
}

/** Whether a name that is served no more may be forgotten: its certificate may serve again, and its tries count at the CA, should it
 *  come back. */
export function isForgotten({ certificate, failures, nextAtMs }: Tracked, nowMs: number): boolean {
  const isUsable = certificate !== null && certificate.notAfterMs > nowMs;
  const isCounted = failures > 0 && nextAtMs + KEPT_MS > nowMs;
  return !isUsable && !isCounted;
}

/** When the account may order again, ms; `orders` are the times of its orders, oldest first. */
export function roomAtMs(orders: readonly number[], nowMs: number): number {
  const recent = ordersInWindow(orders, nowMs);
  const oldest = recent[recent.length - ORDERS_IN_WINDOW];
  return oldest === undefined ? 0 : oldest + WINDOW_MS;
}

/** Those that still count. */
export function ordersInWindow(orders: readonly number[], nowMs: number): number[] {
  return orders.filter((atMs) => atMs > nowMs - WINDOW_MS);
}
