/**
 * Which node a certificate names, when the cluster's CA has signed it for nodes: who shows that it has the key of one is that
 * node, whichever end of the connection it is. A node's certificate is for clients (RFC 5280 4.2.1.12) and stays so, which
 * keeps it from being taken for the master's or for a site's; nodes know each other by this rule, not by a host name.
 */
import type { X509Certificate } from 'node:crypto';

/** extendedKeyUsage clientAuth: a site's certificate is of the same CA, and names no node. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** The node's id; null: it is no node's certificate of that CA. Its dates are for the caller to judge. */
export function nodeOfCertificate(
  certificate: X509Certificate | undefined,
  ca: X509Certificate,
): string | null {
  if (!certificate?.checkIssued(ca) || !certificate.verify(ca.publicKey)) return null;
  const node = /^CN=([^\n]+)$/.exec(certificate.subject)?.[1];
  return node !== undefined && certificate.keyUsage?.includes(CLIENT_AUTH) ? node : null;
}

export function isCurrent(
  { validFrom, validTo }: Pick<X509Certificate, 'validFrom' | 'validTo'>,
  nowMs: number,
): boolean {
  return Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
}
