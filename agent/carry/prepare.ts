/**
 * Brings an image from this node's Docker into this node's registry, by Docker's own push, when the first node asks for it.
 * Many may ask: it is done once, they hear how far it is, and what failed is tried again when somebody asks again.
 */
import { request } from 'node:http';
import { hexOfImage, type Prepared } from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import type { Log } from '../../shared/log.js';
import type { Engine } from '../engine.js';
import type { Loopback } from './loopback.js';
import type { RegistryProcess } from './registry-process.js';

export interface Preparer {
  /** How far it is; begins what has not begun. */
  ask(imageId: string): Prepared;
  /** Something is being pushed. */
  isBusy(): boolean;
  /** What was prepared has gone from the registry. */
  forget(): void;
}

/** What a registry may know an image as. */
const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');
/** One that failed is told for so long before it is tried again. */
const FAILED_MS = 5_000;

export function createPreparer(parts: {
  engine: Engine;
  loopback: Loopback;
  registry: RegistryProcess;
  log: Log;
}): Preparer {
  const { log } = parts;
  const known = new Map<string, { now: Prepared; atMs: number }>();
  const say = (imageId: string, now: Prepared): void => void known.set(imageId, { now, atMs: Date.now() });

  const begin = async (imageId: string): Promise<void> => {
    say(imageId, { state: 'preparing', percent: 0 });
    try {
      const digest = await pushed(parts, imageId, (percent) => say(imageId, { state: 'preparing', percent }));
      say(imageId, { state: 'ready', digest });
      log.info({ imageId, digest }, 'an image is ready for other nodes');
    } catch (error) {
      say(imageId, { state: 'failed', reason: messageOf(error) });
      log.warn({ imageId, reason: messageOf(error) }, 'an image could not be made ready for other nodes');
    }
  };
  return {
    ask(imageId) {
      const held = known.get(imageId);
      const isOver = held?.now.state === 'failed' && Date.now() - held.atMs > FAILED_MS;
      if (held === undefined || isOver) void begin(imageId);
      return known.get(imageId)?.now ?? { state: 'preparing', percent: 0 };
    },
    isBusy: () => [...known.values()].some(({ now }) => now.state === 'preparing'),
    forget() {
      for (const [imageId, { now }] of known) if (now.state !== 'preparing') known.delete(imageId);
    },
  };
}

async function pushed(
  { engine, loopback, registry }: { engine: Engine; loopback: Loopback; registry: RegistryProcess },
  imageId: string,
  onPercent: (percent: number) => void,
): Promise<string> {
  const hex = hexOfImage(imageId);
  if (hex === null) throw new Error(`${imageId} is no image id`);
  await registry.ensure();
  const way = await loopback.open('img', hex, { socketPath: registry.socket });
  const tag = `${way.repository}:latest`;
  try {
    await engine.tag(imageId, tag);
    await engine.push(tag, way.auth, onPercent);
    return await digestOf(registry.socket, hex);
  } finally {
    way.close();
    await engine.untag(tag).catch(() => undefined);
  }
}

/** The registry's word, not Docker's: it is what others will ask for. */
function digestOf(socketPath: string, hex: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath,
      path: `/v2/img/${hex}/manifests/latest`,
      method: 'HEAD',
      agent: false as const,
    };
    const asked = request({ ...options, headers: { accept: MANIFESTS }, timeout: 10_000 }, (response) => {
      response.resume();
      const digest = response.headers['docker-content-digest'];
      if (typeof digest === 'string') resolve(digest);
      else reject(new Error(`this node's registry does not know what was pushed (${response.statusCode})`));
    });
    asked.on('timeout', () => asked.destroy(new Error("this node's registry does not answer")));
    asked.on('error', reject);
    asked.end();
  });
}
