/**
 * Joins a container's connection with an allocation that answers it. Promises: who can't be reached is passed over as long as
 * another one is there, for nothing was sent yet; each direction ends by itself, and a slow reader slows its writer; nobody ready,
 * or too many at once, is a reset at once. What is open stays open, whatever becomes of who new connections go to.
 */
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../shared/protocol.js';
import { candidates } from './choose.js';
import type { ServedService } from './served.js';

export interface Proxy {
  /** Takes over a paused connection for a service. */
  join(client: Socket, service: ServedService): void;
  /** Open connections by allocation, those without any left out. */
  open(): ReadonlyMap<string, number>;
  /** Why connections are turned away now; null: they are not. */
  problem(): string | null;
}

export interface ProxyLimits {
  maxConnections: number;
  /** One that does not answer within this is passed over. */
  connectMs: number;
  /** One that could not be reached comes last for so long. */
  avoidMs: number;
}

const LIMITS: ProxyLimits = { maxConnections: 8_000, connectMs: 2_000, avoidMs: 3_000 };
/** All tries of one connection together. */
const MAX_TRIES = 5;
const KEEP_ALIVE_MS = 60_000;

export function createProxy(limits: ProxyLimits = LIMITS): Proxy {
  const open = new Map<string, number>();
  const failedUntilMs = new Map<string, number>();
  let joined = 0;

  const count = (id: string, by: 1 | -1): void => {
    const next = (open.get(id) ?? 0) + by;
    if (next > 0) open.set(id, next);
    else open.delete(id);
  };
  const failed = (): Set<string> => {
    const nowMs = Date.now();
    for (const [id, untilMs] of failedUntilMs) if (untilMs <= nowMs) failedUntilMs.delete(id);
    return new Set(failedUntilMs.keys());
  };
  /** Counted from the try on, so that many at once do not all choose the same one. */
  const reach = async (client: Socket, service: ServedService): Promise<void> => {
    const chances = { open, failed: failed(), random: Math.random };
    for (const { id, endpoint } of candidates(service, chances).slice(0, MAX_TRIES)) {
      count(id, 1);
      const upstream = await tryConnect(endpoint, client, limits.connectMs);
      if (upstream === 'gone') return count(id, -1);
      if (upstream !== null) {
        failedUntilMs.delete(id);
        upstream.once('close', () => count(id, -1));
        return pipeBoth(client, upstream);
      }
      count(id, -1);
      failedUntilMs.set(id, Date.now() + limits.avoidMs);
    }
    client.resetAndDestroy();
  };
  return {
    join(client, service) {
      client.on('error', () => client.destroy());
      if (joined >= limits.maxConnections || service.backends.length === 0)
        return void client.resetAndDestroy();
      joined += 1;
      client.once('close', () => {
        joined -= 1;
      });
      void reach(client, service);
    },
    open: () => open,
    problem: () =>
      joined < limits.maxConnections ? null : `${joined} connections are open, and more are turned away`,
  };
}

/** Null: it can't be reached; `gone`: the client left meanwhile. */
function tryConnect(endpoint: Endpoint, client: Socket, ms: number): Promise<Socket | 'gone' | null> {
  if (client.destroyed) return Promise.resolve('gone');
  return new Promise((resolve) => {
    const upstream = connect({
      host: endpoint.address,
      port: endpoint.port,
      noDelay: true,
      allowHalfOpen: true,
    });
    const finish = (result: Socket | 'gone' | null): void => {
      clearTimeout(timer);
      client.off('close', left);
      upstream.off('error', refused);
      if (result !== upstream) {
        upstream.on('error', () => {});
        upstream.destroy();
      }
      resolve(result);
    };
    const left = (): void => finish('gone');
    const refused = (): void => finish(null);
    const timer = setTimeout(refused, ms);
    client.once('close', left);
    upstream.once('error', refused);
    upstream.once('connect', () => finish(upstream));
  });
}

function pipeBoth(client: Socket, upstream: Socket): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.setKeepAlive(true, KEEP_ALIVE_MS);
    // A reset is passed on as one: the other side must not take it for an end.
    from.on('error', () => to.resetAndDestroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}
