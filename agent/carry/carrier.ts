/**
 * The images that no registry has, on this node: serves those that others may read, fetches those that it lacks, and says what
 * it can. Made when the master first speaks of one; the registry behind it runs while it is used.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Carry,
  type CarryFetch,
  type CarryPushed,
  hexOfImage,
  IMAGES_PORT,
} from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import { type IdentityPaths, readIdentity } from '../../shared/identity-files.js';
import type { Log } from '../../shared/log.js';
import { startLoop } from '../../shared/loop.js';
import type { Engine, RegistryAuth } from '../engine.js';
import { fetchImage, type Tell } from './fetch.js';
import { openLoopback } from './loopback.js';
import { createPreparer } from './prepare.js';
import { createPusher } from './pusher.js';
import { reach, relayed } from './reach.js';
import { carryPaths, registryProcess } from './registry-process.js';
import { type ImageServer, startImageServer } from './server.js';
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
  const portFile = join(paths.folder, 'port');
  const loopback = openLoopback(
    () => portIn(portFile),
    (port) => writeFileSync(portFile, `${port}\n`, { mode: 0o600 }),
  );
  const preparer = createPreparer({ engine, loopback, registry, log });
  const pusher = createPusher({ engine, auth: options.auth, onChange: () => changed(), log });
  const ended = new AbortController();
  let carry: Carry = { watch: [], fetch: [], serve: [] };
  let server: ImageServer | null = null;
  let listening: Promise<ImageServer> | null = null;
  let inFlight = 0;
  let fetching = 0;
  let isClear = false;
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
  /** What an agent before this one, or a fetch that was cut off, has left on images. */
  const clearPassing = async (): Promise<void> => {
    if (isClear || fetching > 0 || preparer.isBusy()) return;
    const port = portIn(portFile);
    const found = port === 0 ? [] : await engine.passingReferences(port);
    for (const reference of found) await engine.untag(reference);
    isClear = true;
  };
  const clearStore = async (): Promise<void> => {
    const isIdle = inFlight === 0 && Date.now() - usedAtMs >= idleMs && !preparer.isBusy();
    if (!isIdle || !registry.isThere()) return;
    const ids = [...carry.watch, ...carry.serve.map(({ imageId }) => imageId)];
    const kept = new Set(ids.flatMap((id) => hexOfImage(id) ?? []));
    preparer.forget();
    const removed = await registry.rest(() => sweep(paths, kept));
    if (removed !== null) log.info({ removed }, 'removed from what this node serves');
  };
  const pass = async (): Promise<void> => {
    pusher.pass(carry.push ?? []);
    if (carry.serve.length > 0) await listen();
    // While Docker does not answer, it is tried again with the next pass.
    await clearPassing().catch(() => undefined);
    await clearStore();
    say(server?.port === 0 ? 'its agent could not listen for other nodes' : null);
  };
  const say = (now: string | null): void => {
    if (now === problem) return;
    problem = now;
    if (now !== null) log.warn({ reason: now }, 'images for other nodes');
    options.onChange();
  };
  const changed = (): void => {
    options.onChange();
    loop.wake();
  };
  const loop = startLoop(pass, {
    everyMs: Math.max(1_000, idleMs / 4),
    retryMs: 10_000,
    onError: (error) => say(messageOf(error)),
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
      fetching += 1;
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
      ).finally(() => {
        fetching -= 1;
        isClear = false;
      });
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
    renewed() {
      const failed = (error: unknown): void => say(`the new certificate can't be read: ${messageOf(error)}`);
      readIdentity(credentials).then((identity) => server?.renew(identity), failed);
    },
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

/** The port that Docker knows from before; 0: none. */
const portIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) || 0 : 0);
