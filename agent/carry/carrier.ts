/**
 * The images that no registry has, on this node: serves those that others may read, fetches those that it lacks, and says what
 * it can. Made when the master first speaks of one; the registry behind it runs while it is used.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Carry, type CarryFetch, type CarryPushed, hexOfImage } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import { type IdentityPaths, readIdentity } from '../../shared/identity-files.js';
import type { Log } from '../../shared/log.js';
import { startLoop } from '../../shared/loop.js';
import type { Engine, RegistryAuth } from '../engine.js';
import { fetchImage, type Tell } from './fetch.js';
import { type Loopback, openLoopback } from './loopback.js';
import { createPreparer } from './prepare.js';
import { createPusher } from './pusher.js';
import { reach, relayed } from './reach.js';
import { carryPaths, registryProcess } from './registry-process.js';
import { IMAGES_PORT, type ImageServer, startImageServer } from './server.js';
import { sweep } from './storage.js';

export interface Carrier {
  apply(carry: Carry): void;
  /** Rejects with an `EngineError` that says why it did not come. */
  fetch(wanted: CarryFetch, tags: readonly string[], tell: Tell): Promise<void>;
  /** Another node waits at the master under this id. */
  relay(id: string): void;
  /** Another certificate is in place. */
  renewed(): void;
  pushed(): CarryPushed[];
  port(): number | null;
  problem(): string | null;
  stop(): Promise<void>;
}

export interface CarrierOptions {
  home: string;
  masterUrl: string;
  /** Where other nodes reach this one; null: at any of its addresses. */
  advertise: string | null;
  credentials: IdentityPaths;
  engine: Engine;
  /** Who this node is at a registry, as the master has said. */
  auth: (reference: string) => RegistryAuth | null;
  onChange: () => void;
  log: Log;
  /** Without a request for so long the registry is ended, and what nobody needs is removed. */
  idleMs?: number;
}

export function createCarrier(options: CarrierOptions): Carrier {
  const { home, log, engine, credentials, masterUrl, idleMs = 120_000 } = options;
  const paths = carryPaths(join(home, 'images'));
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const registry = registryProcess(paths);
  const loopback = stableLoopback(join(paths.folder, 'port'));
  const preparer = createPreparer({ engine, loopback, registry, log });
  const pusher = createPusher({ engine, auth: options.auth, onChange: () => changed(), log });
  const ended = new AbortController();
  let carry: Carry = { watch: [], fetch: [], serve: [] };
  let server: ImageServer | null = null;
  let listening: Promise<ImageServer> | null = null;
  let inFlight = 0;
  let problem: string | null = null;
  let usedAtMs = Date.now();
  const onUse = (change: 1 | -1 | 0): void => {
    inFlight += change;
    usedAtMs = Date.now();
  };

  const start = async (): Promise<ImageServer> => {
    server = await startImageServer({
      identity: await readIdentity(credentials),
      host: options.advertise,
      port: IMAGES_PORT,
      serve: () => carry.serve,
      ...{ preparer, registry, onUse },
    });
    problem = server.port === 0 ? 'its agent could not listen for other nodes' : null;
    options.onChange();
    return server;
  };
  const listen = (): Promise<ImageServer> => {
    listening ??= start().catch((error) => {
      listening = null;
      throw error;
    });
    return listening;
  };
  const pass = async (): Promise<void> => {
    pusher.pass(carry.push ?? []);
    if (carry.serve.length > 0 && server === null) await listen();
    const isIdle = inFlight === 0 && Date.now() - usedAtMs >= idleMs && !preparer.isBusy();
    if (!isIdle || !registry.isThere()) return;
    await registry.stop();
    preparer.forget();
    const kept = [...carry.watch, ...carry.serve.map(({ imageId }) => imageId)];
    const removed = await sweep(paths, new Set(kept.flatMap((id) => hexOfImage(id) ?? [])));
    if (removed !== null) log.info({ removed }, 'removed from what this node serves');
  };
  const changed = (): void => {
    options.onChange();
    loop.wake();
  };
  const loop = startLoop(pass, {
    everyMs: Math.max(1_000, idleMs / 4),
    retryMs: 10_000,
    onError(error) {
      problem = messageOf(error);
      log.warn({ reason: problem }, 'images for other nodes');
      options.onChange();
    },
  });

  return {
    apply(next) {
      carry = next;
      pusher.again();
      if (next.serve.length > 0) onUse(0);
      loop.wake();
    },
    async fetch(wanted, tags, tell) {
      const identity = await readIdentity(credentials);
      const beganMs = Date.now();
      const newest = carry.fetch.find(({ imageId }) => imageId === wanted.imageId) ?? wanted;
      const came = await fetchImage(
        newest,
        tags,
        {
          engine,
          auth: options.auth,
          loopback,
          signal: ended.signal,
          reach: (source) => reach(source, identity, masterUrl),
        },
        tell,
      );
      log.info(
        { imageId: wanted.imageId, ...came, ms: Date.now() - beganMs },
        'an image came from another node',
      );
    },
    relay(id) {
      const take = async (): Promise<void> => {
        const socket = await relayed(`/relay/from/${id}`, await readIdentity(credentials), masterUrl);
        socket.on('error', () => undefined);
        (await listen()).take(socket);
      };
      take().catch((error) => log.warn({ reason: messageOf(error) }, 'a relayed connection failed'));
    },
    renewed: () => void readIdentity(credentials).then((identity) => server?.renew(identity)),
    pushed: () => pusher.pushed(),
    port: () => server?.port ?? null,
    problem: () => problem,
    async stop() {
      ended.abort(new Error('the agent stops'));
      await loop.stop();
      server?.stop();
      await Promise.all([loopback.stop(), registry.stop()]);
    },
  };
}

function stableLoopback(file: string): Loopback {
  return openLoopback(
    () => (existsSync(file) ? Number(readFileSync(file, 'utf8')) || 0 : 0),
    (port) => writeFileSync(file, `${port}\n`, { mode: 0o600 }),
  );
}
