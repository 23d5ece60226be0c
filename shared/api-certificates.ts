/** Bodies of the HTTP API about certificates: what each name that is served has, where it comes from, and why it has no better one. */
import * as z from 'zod';

export const certificateViewSchema = z.object({
  /** A domain of a service, or the cluster's own. */
  name: z.string(),
  /** `project/name` of the services that are served under it; empty: the API's own name, or nothing any more. */
  services: z.array(z.string()),
  /** Where the one that is served now comes from: a CA by ACME, the user, or the cluster's own CA. */
  source: z.enum(['acme', 'own', 'orca']),
  /** Of the user's: which one, as `upload:NAME` (`orca certs add`) or `files:PROJECT/SERVICE` (`tls_cert`); null: it is not. */
  from: z.string().nullable(),
  /**
   * `issued`: as it should be. `waiting`: a better one is wanted, and `reason` says why there is none yet. `ordering`: it is being
   * ordered now. `failing`: the last try failed; what is served lasts until `expires_at`. `refused`: the user's is not usable.
   */
  state: z.enum(['issued', 'waiting', 'ordering', 'failing', 'refused']),
  issuer: z.string(),
  expires_at: z.string(),
  /** When it is renewed; null: only its owner can. */
  renews_at: z.string().nullable(),
  /** Why it is not as it should be, with the CA's own words; null: it is. */
  reason: z.string().nullable(),
  /** What its owner can do about that; null: nothing. */
  todo: z.string().nullable(),
  /** When Orca tries again by itself; null: it does not, or need not. */
  next_try_at: z.string().nullable(),
  /** When what the reason says was seen; null: it holds now. */
  seen_at: z.string().nullable(),
});
export type CertificateView = z.infer<typeof certificateViewSchema>;

export const certificatesReplySchema = z.object({ certificates: z.array(certificateViewSchema) });
export type CertificatesReply = z.infer<typeof certificatesReplySchema>;

/** `PUT /certs/:name`. PEM; the certificate with its chain. */
export const addCertificateSchema = z.object({
  cert: z.string().max(256 * 1024),
  key: z.string().max(64 * 1024),
});

export const certificateAddedSchema = z.object({
  name: z.string(),
  /** What it is for. */
  names: z.array(z.string()),
  issuer: z.string(),
  expires_at: z.string(),
});
export type CertificateAdded = z.infer<typeof certificateAddedSchema>;

/** The cluster's own CA, PEM: what clients trust to trust it. */
export const clusterCaSchema = z.object({ ca: z.string() });
export type ClusterCa = z.infer<typeof clusterCaSchema>;
