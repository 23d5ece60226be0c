/**
 * The resolver: SRV and address records for Caddy over loopback, and the sorry server behind services with nothing
 * ready. It runs as its own tiny process, because a resolver that is silent stalls every service of Caddy at once.
 *
 * Promises: it serves what it last stored at once after a start, on the same ports as before. An acknowledged
 * table is served, and stored too unless the disk refuses it: then the file before stays, `unstored` says why, and it is
 * tried again until it is written. One that died meanwhile comes back with an older revision, by which the publisher
 * knows. Refuses tables that are older than its own, and a second instance on the same control socket.
 *
 * Control socket (`resolver.sock`), a JSON line each way: `{"op":"publish","revision":N,"table":{…}}` or
 * `{"op":"ping"}` → `{"ok":true,"pid","revision","ports","sinceMs":{name: ms}}` or `{"ok":false,"reason"}`.
 */
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { isListening } from '../shared/listening.js';
import { listenControl } from './control-server.js';
import { type DnsAnswerer, dnsAnswerer } from './dns-answer.js';
import { type DnsServers, inheritDnsServers, startDnsServers } from './dns-server.js';
import { readJsonFile, tryWriteJsonFile } from './json-file.js';
import { keptFile } from './kept-file.js';
import type { ResolverPorts } from './proxy-handler.js';
import { inheritSorryServer, type Sayings, type SorryServer, startSorryServer } from './sorry-server.js';
import type { INHERITED } from './standby.js';
import type { RecordTable } from './upstreams.js';

/** What the resolver holds and keeps in `resolver.json`. */
export interface Publication {
  revision: number;
  table: RecordTable;
  /** By SRV name: since when its records have been served as they are, ms since the epoch. */
  sinceMs: Record<string, number>;
}

export interface RunningResolver {
  ports: ResolverPorts;
  /** What it listens on for Caddy, to be held by a standby, in the order of `INHERITED`. */
  listening: (Server | UdpSocket)[];
  stop(): Promise<void>;
}

export type ControlReply =
  | {
      ok: true;
      pid: number;
      revision: number;
      ports: ResolverPorts;
      sinceMs: Record<string, number>;
      /** Why what is served is not on disk; null: it is. */
      unstored: string | null;
    }
  | { ok: false; reason: string };

const STORE_AGAIN_MS = 5_000;

/**
 * Starts everything; null when another instance already listens on the control socket in `directory`, or comes to while
 * this one waits for the ports. With `inherited` it listens on those file descriptors.
 */
export async function startResolver(
  directory: string,
  inherited: typeof INHERITED | null = null,
  storeAgainMs = STORE_AGAIN_MS,
): Promise<RunningResolver | null> {
  const socketPath = join(directory, 'resolver.sock');
  if (await isListening(socketPath)) return null;
  const file = join(directory, 'resolver.json');
  let publication = publicationOf(readJsonFile(file));
  let answerer: DnsAnswerer = dnsAnswerer(publication?.table ?? null);
  const dnsOf = () => answerer;
  const sayings: Sayings = {
    notices: () => publication?.table.notices ?? [],
    challenges: () => publication?.table.challenges ?? [],
  };
  const servers = inherited
    ? await inheritServers(inherited, dnsOf, sayings)
    : await startServers(directory, dnsOf, sayings);
  const { ports, stop } = servers;
  if (await isListening(socketPath)) {
    await stop();
    return null;
  }
  tryWriteJsonFile(join(directory, 'ports.json'), ports);
  const stored = keptFile<Publication>(file, storeAgainMs);
  const reply = (): ControlReply => ({
    ok: true,
    pid: process.pid,
    revision: publication?.revision ?? 0,
    ports,
    sinceMs: publication?.sinceMs ?? {},
    unstored: stored.problem(),
  });
  const publish = (revision: number, table: RecordTable): ControlReply => {
    if (publication && revision <= publication.revision) return { ok: false, reason: 'older revision' };
    publication = { revision, table, sinceMs: sinceOf(publication, table, Date.now()) };
    stored.keep(publication);
    answerer = dnsAnswerer(table);
    return reply();
  };
  const control = await listenControl(socketPath, (line) => answerControl(line, publish, reply));
  return {
    ports,
    listening: servers.listening,
    async stop() {
      control.close();
      stored.stop();
      await stop();
    },
  };
}

/** Reads `resolver.json`; null when it is missing or damaged. */
export function publicationOf(value: unknown): Publication | null {
  const { revision, table, sinceMs } = (value ?? {}) as Partial<Publication>;
  if (typeof revision !== 'number' || !table?.srv || !table.hosts || !sinceMs) return null;
  return { revision, table: { ...table, notices: table.notices ?? [] }, sinceMs };
}

function sinceOf(before: Publication | null, table: RecordTable, nowMs: number): Record<string, number> {
  const since = Object.entries(table.srv).map(([name, records]) => {
    const same = JSON.stringify(before?.table.srv[name]) === JSON.stringify(records);
    return [name, same ? (before?.sinceMs[name] ?? nowMs) : nowMs] as const;
  });
  return Object.fromEntries(since);
}

async function startServers(directory: string, answerer: () => DnsAnswerer, sayings: Sayings) {
  const saved = (readJsonFile(join(directory, 'ports.json')) ?? {}) as Partial<ResolverPorts>;
  const dns = await startDnsServers(saved.srvTcpPort ?? null, answerer);
  return serversOf(dns, await startSorryServer(saved.sorryPort ?? null, sayings));
}

async function inheritServers(fds: typeof INHERITED, answerer: () => DnsAnswerer, sayings: Sayings) {
  return serversOf(await inheritDnsServers(fds, answerer), await inheritSorryServer(fds.sorry, sayings));
}

function serversOf(dns: DnsServers, sorry: SorryServer) {
  const listening = [dns.tcp, dns.udp, sorry.server];
  return {
    ports: { srvTcpPort: dns.port, dnsUdpPort: dns.port, sorryPort: sorry.port },
    listening,
    async stop() {
      await dns.stop();
      await sorry.stop();
    },
  };
}

function answerControl(
  line: string,
  publish: (revision: number, table: RecordTable) => ControlReply,
  reply: () => ControlReply,
): ControlReply {
  try {
    const message = JSON.parse(line) as { op?: unknown; revision?: unknown; table?: Partial<RecordTable> };
    if (message.op === 'ping') return reply();
    if (message.op === 'publish' && typeof message.revision === 'number' && message.table?.srv) {
      const { srv, hosts = {}, notices = [], challenges = [] } = message.table;
      return publish(message.revision, { srv, hosts, notices, challenges });
    }
    return { ok: false, reason: 'unknown message' };
  } catch (error) {
    return { ok: false, reason: String(error) };
  }
}
