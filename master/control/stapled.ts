/** Whether a certificate names an OCSP responder: an ingress loads it then, since Caddy staples an answer to nothing else. */
import { X509Certificate } from 'node:crypto';

/** `certPem`: the leaf, or a chain that begins with it. */
export const isStapled = (certPem: string): boolean =>
  new X509Certificate(certPem).infoAccess?.includes('OCSP - URI:') ?? false;

/** As an ingress is told: absent when it names none. */
export const stapling = (certPem: string): { stapled?: true } =>
  isStapled(certPem) ? { stapled: true } : {};
