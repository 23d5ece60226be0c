/**
 * The client of Caddy's admin API over its unix socket: the only place that knows how to speak to it.
 *
 * Caddy replaces the listener at every load, so no connection is kept and a broken one is tried again once. Errors
 * carry Caddy's own text.
 */
import { request } from 'node:http';
import type { CaddyConfig } from './compile.js';

export interface CaddyAdmin {
  /** Replaces the running config; resolves when Caddy serves it. Rejects with Caddy's reason, the old one then stays. */
  load(config: CaddyConfig): Promise<void>;
  /** The running config at `path` (such as `apps/http`), or null when there is nothing there. */
  config(path?: string): Promise<unknown>;
  /**
   * Requests in flight by `host:port`, without the dot that ends a DNS name. Caddy 2.11 may list an upstream twice, with
   * one request in both: the greatest number counts. 2.6.2 leaves those with none out.
   */
  upstreams(): Promise<Map<string, number>>;
  /** Asks Caddy to end; its open connections get its grace period. */
  stop(): Promise<void>;
}

const TIMEOUT_MS = 5_000;
const LOAD_TIMEOUT_MS = 60_000;

/** A client of the admin API that listens at `socketPath`. Every call rejects when Caddy does not answer. */
export function caddyAdmin(socketPath: string): CaddyAdmin {
  const call = async (method: string, path: string, body: string | null, timeoutMs: number) => {
    try {
      return await send(socketPath, method, path, body, timeoutMs);
    } catch (error) {
      if (!isBroken(error)) throw error;
      return await send(socketPath, method, path, body, timeoutMs);
    }
  };
  return {
    async load(config) {
      await call('POST', '/load', JSON.stringify(config), LOAD_TIMEOUT_MS);
    },
    async config(path = '') {
      const reply = await call('GET', `/config/${path}`, null, TIMEOUT_MS).catch((error: unknown) => {
        if (error instanceof CaddyRefusal && error.status < 500) return 'null';
        throw error;
      });
      return JSON.parse(reply.trim() || 'null');
    },
    async upstreams() {
      return inFlight(JSON.parse(await call('GET', '/reverse_proxy/upstreams', null, TIMEOUT_MS)));
    },
    async stop() {
      await call('POST', '/stop', '', TIMEOUT_MS);
    },
  };
}

/** An answer of Caddy's that is not 200, with the text that it gave. */
export class CaddyRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'CaddyRefusal';
    this.status = status;
  }
}

function inFlight(list: unknown): Map<string, number> {
  const counts = new Map<string, number>();
  if (!Array.isArray(list)) return counts;
  for (const { address, num_requests } of list as { address?: unknown; num_requests?: unknown }[]) {
    const key = String(address).replace(/\.(:\d+)$/, '$1');
    counts.set(key, Math.max(counts.get(key) ?? 0, Number(num_requests ?? 0)));
  }
  return counts;
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body: string | null,
  timeoutMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', ...(body ? { 'content-type': 'application/json' } : {}) };
    const call = request({ socketPath, method, path, headers, agent: false, timeout: timeoutMs }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('error', reject);
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const status = reply.statusCode ?? 0;
        if (status === 200) resolve(text);
        else reject(new CaddyRefusal(status, `Caddy answered ${status}: ${refusalText(text)}`));
      });
    });
    call.on('timeout', () => call.destroy(new Error('Caddy does not answer on its admin socket')));
    call.on('error', reject);
    call.end(body ?? undefined);
  });
}

function refusalText(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : text.trim();
  } catch {
    return text.trim();
  }
}

function isBroken(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOENT'].includes(code);
}
