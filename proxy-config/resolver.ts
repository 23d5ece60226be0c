/**
 * The resolver: SRV and address records for Caddy over loopback, the certificates of its handshakes, and the sorry server behind
 * services with nothing ready. It runs as its own tiny process, because a resolver that is silent stalls every service of Caddy at once.
 *
 * Promises: it serves what it last stored at once after a start, on the same ports as before. An acknowledged
 * table is served, and stored too unless the disk refuses it: then the file before stays, `unstored` says why, and it is
 * tried again until it is written. One that died meanwhile comes back with an older revision, by which the publisher
 * knows. Refuses tables that are older than its own, and a second instance on the same control socket.
 *
 * Control socket (`resolver.sock`), a JSON line each way: `{"op":"publish","revision":N,"table":{…}}`,
 * `{"op":"certify","certificates":{…}}` or `{"op":"ping"}` → `{"ok":true,"pid","revision","ports","sinceMs":{name: ms},"certificates"}` or
 * `{"ok":false,"reason"}`.
 */
import { randomBytes } from 'node:crypto';
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { isListening } from '../shared/listening.js';
import {
  type CertificateAnswers,
  type CertificateServer,
  inheritCertificateServer,
  startCertificateServer,
} from './certificate-server.js';
import { listenControl } from './control-server.js';
import { type DnsAnswerer, dnsAnswerer } from './dns-answer.js';
import { type DnsServers, inheritDnsServers, startDnsServers } from './dns-server.js';
import { readJsonFile, tryWriteJsonFile } from './json-file.js';
import { keptCertificates } from './kept-certificates.js';
import { keptFile } from './kept-file.js';
import type { ResolverPorts } from './proxy-handler.js';
import { inheritSorryServer, type Sayings, type SorryServer, startSorryServer } from './sorry-server.js';
import type { INHERITED } from './standby.js';
import type { CertificateTable } from './tls.js';
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
      /** Of the certificates that are served; null: none are known. */
      certificates: string | null;
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
  const certificates = keptCertificates(join(directory, 'certificates.json'), storeAgainMs);
  const saved = savedPorts(directory);
  const key = saved.certificateKey ?? randomBytes(32).toString('hex');
  let answerer: DnsAnswerer = dnsAnswerer(publication?.table ?? null);
  const answers: Answers = {
    dns: () => answerer,
    sayings: {
      notices: () => publication?.table.notices ?? [],
      challenges: () => publication?.table.challenges ?? [],
    },
    certificates: { key, find: certificates.find },
  };
  const servers = inherited ? await inheritServers(inherited, answers) : await startServers(saved, answers);
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
    certificates: certificates.fingerprint(),
    unstored: stored.problem() ?? certificates.problem(),
  });
  const publish = (revision: number, table: RecordTable): ControlReply => {
    if (publication && revision <= publication.revision) return { ok: false, reason: 'older revision' };
    publication = { revision, table, sinceMs: sinceOf(publication, table, Date.now()) };
    stored.keep(publication);
    answerer = dnsAnswerer(table);
    return reply();
  };
  const certify = (table: CertificateTable): ControlReply => {
    certificates.keep(table);
    return reply();
  };
  const control = await listenControl(socketPath, (line) => answerControl(line, { publish, certify, reply }));
  return {
    ports,
    listening: servers.listening,
    async stop() {
      control.close();
      stored.stop();
      certificates.stop();
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

/** What the servers say, asked for each time. */
interface Answers {
  dns: () => DnsAnswerer;
  sayings: Sayings;
  certificates: CertificateAnswers;
}

const savedPorts = (directory: string): Partial<ResolverPorts> =>
  (readJsonFile(join(directory, 'ports.json')) ?? {}) as Partial<ResolverPorts>;

async function startServers(saved: Partial<ResolverPorts>, { dns, sayings, certificates }: Answers) {
  return serversOf(certificates.key, [
    await startDnsServers(saved.srvTcpPort ?? null, dns),
    await startSorryServer(saved.sorryPort ?? null, sayings),
    await startCertificateServer(saved.certificatePort ?? null, certificates),
  ]);
}

async function inheritServers(fds: typeof INHERITED, { dns, sayings, certificates }: Answers) {
  return serversOf(certificates.key, [
    await inheritDnsServers(fds, dns),
    await inheritSorryServer(fds.sorry, sayings),
    await inheritCertificateServer(fds.certificates, certificates),
  ]);
}

function serversOf(
  certificateKey: string,
  [dns, sorry, shown]: [DnsServers, SorryServer, CertificateServer],
) {
  const ports = { srvTcpPort: dns.port, dnsUdpPort: dns.port, sorryPort: sorry.port };
  return {
    ports: { ...ports, certificatePort: shown.port, certificateKey },
    listening: [dns.tcp, dns.udp, sorry.server, shown.server],
    async stop() {
      await dns.stop();
      await sorry.stop();
      await shown.stop();
    },
  };
}

interface Control {
  publish(revision: number, table: RecordTable): ControlReply;
  certify(certificates: CertificateTable): ControlReply;
  reply(): ControlReply;
}

function answerControl(line: string, { publish, certify, reply }: Control): ControlReply {
  try {
    const message = JSON.parse(line) as { op?: unknown; revision?: unknown } & {
      table?: Partial<RecordTable>;
      certificates?: CertificateTable;
    };
    if (message.op === 'ping') return reply();
    if (message.op === 'publish' && typeof message.revision === 'number' && message.table?.srv) {
      const { srv, hosts = {}, notices = [], challenges = [] } = message.table;
      return publish(message.revision, { srv, hosts, notices, challenges });
    }
    if (message.op === 'certify' && message.certificates?.fallback) return certify(message.certificates);
    return { ok: false, reason: 'unknown message' };
  } catch (error) {
    return { ok: false, reason: String(error) };
  }
}
