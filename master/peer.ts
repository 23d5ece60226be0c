/**
 * Which node is at the other end of a TLS connection: the one that the client certificate names, when the cluster's CA
 * has signed it for clients. The handshake has proved that the other end has its key. One that has expired is told apart
 * from none, so that its node can be told, and can join again under its id.
 */
import { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { Peer } from '../shared/model.js';
import { nodeOfCertificate } from '../shared/node-certificate.js';
import { BACKDATE_MS } from './authority.js';

export function createPeers(caPem: string): (socket: unknown) => Peer | null {
  const ca = new X509Certificate(caPem);
  return (socket) => {
    if (!(socket instanceof TLSSocket)) return null;
    const certificate = socket.getPeerX509Certificate();
    const node = nodeOfCertificate(certificate, ca);
    if (certificate === undefined || node === null) return null;
    // OpenSSL's verdict stands; why it said no does not matter, since signature and use are checked above.
    const expiresAtMs = Date.parse(certificate.validTo);
    const dates = { issuedAtMs: Date.parse(certificate.validFrom) + BACKDATE_MS, expiresAtMs };
    if (socket.authorized) return { node, isExpired: false, ...dates };
    return expiresAtMs <= Date.now() ? { node, isExpired: true, ...dates } : null;
  };
}
