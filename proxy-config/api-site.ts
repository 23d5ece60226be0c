/** PURE: the master's API under the cluster's own name, for browsers and for those who call it from outside (webhooks). */
import { MASTER_NAME } from '../shared/pinned-name.js';

/** How this node reaches the master, and what it trusts there. */
export interface MasterPlace {
  /** `https:` or `wss:`, with its port. */
  url: string;
  caPem: string;
}

/** The route to it. What comes by it shows no client certificate: nobody is a node there. */
export function apiRoute(name: string, { url, caPem }: MasterPlace): object {
  const { hostname, port } = new URL(url.replace(/^wss:/, 'https:'));
  const dial = `${hostname}:${port || '443'}`;
  const proxy = {
    handler: 'reverse_proxy',
    upstreams: [{ dial }],
    transport: {
      protocol: 'http',
      dial_timeout: '2s',
      tls: { root_ca_pool: [caPem.replace(/-----[A-Z ]+-----|\s/g, '')], server_name: MASTER_NAME },
    },
  };
  // The fingerprint leaves upstreams out: another master must be seen by it.
  return { match: [{ host: [name] }], handle: [{ handler: 'vars', master: dial }, proxy], terminal: true };
}
