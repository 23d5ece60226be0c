/**
 * The name servers that a container asks after ours, and its search domains: what Docker would have given it. From the
 * daemon's own configuration, else the host's; servers on the host's loopback are not reached from a container, so that
 * those behind systemd-resolved are taken, or Docker's own defaults.
 */
import { readFileSync } from 'node:fs';

export interface Resolvers {
  servers: string[];
  search: string[];
}

const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
const DAEMON = '/etc/docker/daemon.json';
const DOCKERS_OWN = ['8.8.8.8', '8.8.4.4'];
/** Docker asks three at most, and ours is the first. */
const MAX_SERVERS = 2;

/** Reads the files as they are now; those that are missing say nothing. */
export function hostResolvers(read: (file: string) => string = readIfThere): Resolvers {
  const daemon = daemonResolvers(read(DAEMON));
  const files = FILES.map((file) => resolversIn(read(file)));
  const found = [daemon, ...files].find(({ servers }) => servers.length > 0);
  const search = [daemon, ...files].find((one) => one.search.length > 0)?.search ?? [];
  return { servers: (found?.servers ?? DOCKERS_OWN).slice(0, MAX_SERVERS), search };
}

/** What a resolv.conf says, without servers that a container does not reach. */
export function resolversIn(text: string): Resolvers {
  const servers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === 'nameserver') servers.push(...values.slice(0, 1).filter(isReached));
    if (key === 'search' || key === 'domain') search = values.filter((domain) => domain !== '.');
  }
  return { servers, search };
}

function daemonResolvers(text: string): Resolvers {
  try {
    const { dns = [], 'dns-search': search = [] } = JSON.parse(text) as Record<string, unknown[]>;
    const texts = (values: unknown[]): string[] => values.filter((value) => typeof value === 'string');
    return { servers: texts(dns).filter(isReached), search: texts(search) };
  } catch {
    return { servers: [], search: [] };
  }
}

/** Projects' networks have IPv4 only. */
const isReached = (server: string): boolean => /^\d+(\.\d+){3}$/.test(server) && !server.startsWith('127.');

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
