/** Names made of user's names for places with stricter rules (DNS, image references): valid, and unique where a name had to be bent. */
import { fingerprint } from '../../shared/fingerprint.js';

/** Leaves room for `-` and the hash in the 63 octets of a DNS label (RFC 1035 section 2.3.4). */
const MAX_LABEL = 63;
const HASH_LENGTH = 6;

/** The SRV name of a service's upstreams: `<service>.<project>.orca`. */
export function srvNameOf(project: string, service: string): string {
  return `${dnsLabel(service)}.${dnsLabel(project)}.orca`;
}

/** The tag that keeps a release's image from being pruned; it names the cluster, for two may share one Docker. */
export function keepTagOf(cluster: string, project: string, service: string, release: number): string {
  return `orca.local/${cluster}/${dnsLabel(project)}/${dnsLabel(service)}:v${release}`;
}

/** Lower case letters, digits and inner single hyphens; anything else bends the name, and then a hash tells it apart. */
export function dnsLabel(name: string): string {
  const bent = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  if (bent === name && bent.length > 0 && bent.length <= MAX_LABEL) return bent;
  const hash = fingerprint(name).slice(0, HASH_LENGTH);
  const head = bent.slice(0, MAX_LABEL - HASH_LENGTH - 1).replace(/-$/, '');
  return head === '' ? `x-${hash}` : `${head}-${hash}`;
}
