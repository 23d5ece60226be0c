/**
 * The name by which those ask who trust the cluster's CA alone. Under the cluster's own domain the API may show a certificate of a
 * public CA, which they could not verify; under this one it never does.
 */
import { isIP } from 'node:net';

export const MASTER_NAME = 'master.orca.internal';

/** In the certificate that an ingress shows to who asks for a name that it does not serve, such as that one. */
export const UNKNOWN_HOST_NAME = 'unknown-host.orca.internal';

/** What such a client says to a master at `host`, beside the CA that it trusts. Addresses stand in its certificate themselves. */
export function pinnedName(host: string): { servername?: string } {
  return isIP(host.replace(/^\[|\]$/g, '')) === 0 ? { servername: MASTER_NAME } : {};
}
