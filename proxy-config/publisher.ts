/**
 * Publishes records and certificates: keeps the resolver process alive and gives it the newest tables.
 *
 * Promises: a resolver that died is started within a second, one that is alive but silent is killed first (a silent
 * resolver stalls every service of Caddy; a dead one does not). What was published and since when is read back from
 * the resolver, so a restarted agent knows it.
 */
import { fileURLToPath } from 'node:url';
import { messageOf } from '../shared/errors.js';
import { fingerprint } from '../shared/fingerprint.js';
import { createCompanion } from './companion.js';
import type { IngressPaths } from './paths.js';
import type { ResolverPorts } from './proxy-handler.js';
import { type ControlAnswer, resolverClient } from './resolver-client.js';
import type { Ingress } from './route.js';
import { type CertificateTable, certificateTable } from './tls.js';
import type { RecordTable } from './upstreams.js';

export interface Publisher {
  /** Makes sure that it runs; its ports, or null with the reason in `reason()`. Never throws. */
  ensure(): Promise<ResolverPorts | null>;
  /** Publishes unless the resolver serves exactly this already; by SRV name, since when (ms). Throws when it can't. `isStale`: the
   *  resolver died before its disk took what was published, and its successor served older records until now. */
  publish(table: RecordTable): Promise<{ sinceMs: Record<string, number>; isStale: boolean }>;
  /** Publishes the certificates unless the resolver serves exactly these. Throws when it can't. */
  certify(ingress: Ingress): Promise<void>;
  reason(): string | null;
  /** When a start that was put off may be tried, ms since the epoch; 0: none. */
  notBeforeMs(): number;
  isRunning(): boolean;
  /** Ends the resolver itself. */
  shutdown(): void;
  stop(): void;
}

const START_MS = 5_000;
const SILENT_TIMES = 2;

/** Watches the resolver of these paths; starts nothing by itself. `onExit` is called when it died. `isAsked`: Caddy asks it for
 *  certificates. */
export function createPublisher(paths: IngressPaths, onExit: () => void, isAsked: () => boolean): Publisher {
  const companion = createCompanion({ pidFile: paths.resolverPid, outFile: paths.resolverOut, onExit });
  const client = resolverClient(paths.resolverSocket);
  let last: ControlAnswer | null = null;
  let certified: { ingress: Ingress; table: CertificateTable; print: string } | null = null;
  let published: { pid: number; revision: number; json: string } | null = null;
  let silent = 0;
  let reason: string | null = null;

  const ping = async (): Promise<ResolverPorts | null> => {
    last = await client.ping();
    if (companion.identity()?.pid !== last.pid) companion.adopt(last.pid);
    silent = 0;
    if (last.ports.certificatePort === undefined && isAsked()) return replaceOld();
    reason = last.unstored === null ? null : `records are served but not on disk: ${last.unstored}`;
    return last.ports;
  };
  /** One of a version that serves no certificates, which a new agent has found: where nobody asks for any, it goes on. */
  const replaceOld = (): null => {
    reason = 'the resolver of an older version is being replaced';
    companion.kill('SIGTERM');
    return null;
  };
  const started = async (): Promise<ResolverPorts | null> => {
    const program = fileURLToPath(new URL('./resolver-main.js', import.meta.url));
    const args = ['--max-old-space-size=64', '--max-semi-space-size=1', program, paths.directory];
    const env = { PATH: process.env.PATH, NODE_ENV: 'production' };
    companion.start({ file: process.execPath, args, env });
    const giveUpAtMs = Date.now() + START_MS;
    while (companion.identity() && Date.now() < giveUpAtMs) {
      const ports = await ping().catch(() => null);
      if (ports) return ports;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    reason = `the resolver does not start: ${companion.lastOutput().slice(-500)}`;
    return null;
  };
  return {
    async ensure() {
      try {
        return await ping();
      } catch (error) {
        if (!companion.identity()) return await started();
        silent += 1;
        reason = messageOf(error);
        if (silent >= SILENT_TIMES) companion.kill('SIGKILL');
        return null;
      }
    },
    async publish(table) {
      const json = JSON.stringify(table);
      if (last && published?.pid === last.pid && published.json === json)
        return { sinceMs: last.sinceMs, isStale: false };
      const isStale = published !== null && last !== null && last.revision < published.revision;
      last = await client.publish((last?.revision ?? 0) + 1, table);
      published = { pid: last.pid, revision: last.revision, json };
      return { sinceMs: last.sinceMs, isStale };
    },
    async certify(ingress) {
      if (last?.ports.certificatePort === undefined) return;
      if (certified?.ingress !== ingress) {
        const table = certificateTable(ingress);
        certified = { ingress, table, print: fingerprint(table) };
      }
      if (last?.certificates !== certified.print) last = await client.certify(certified.table);
    },
    reason: () => reason,
    notBeforeMs: () => companion.notBeforeMs(),
    isRunning: () => companion.identity() !== null,
    shutdown: () => companion.kill('SIGTERM'),
    stop: () => companion.stop(),
  };
}
