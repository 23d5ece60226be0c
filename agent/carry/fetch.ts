/**
 * Brings one image here from a node that has it: asks that node to make it ready, lets this node's Docker pull it by digest, and
 * takes it only when it is the very image that the release was made from. Docker asks again for what broke off, layer by layer,
 * and only for layers that it lacks. Where one node fails and another has the image, that one is next.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CarryFetch,
  type CarrySource,
  hexOfImage,
  type Prepared,
  preparedSchema,
} from '../../shared/carry.js';
import { messageOf } from '../../shared/errors.js';
import { registryOf } from '../../shared/registry-host.js';
import { type Engine, EngineError, type RegistryAuth } from '../engine.js';
import type { Loopback } from './loopback.js';
import type { Reached, Via } from './reach.js';

export interface FetchParts {
  engine: Engine;
  loopback: Loopback;
  auth: (reference: string) => RegistryAuth | null;
  /** A new connection to that node, proved. */
  reach: (source: CarrySource) => Promise<Reached>;
  signal: AbortSignal;
}

/** How it came; `bytes`: of layers and manifests, as they were sent. */
export interface Came {
  from: string;
  via: Via | 'registry';
  /** Null: Docker's own business. */
  bytes: number | null;
}

export type Tell = (words: string) => void;

const ASK_AGAIN_MS = 400;
const ANSWER_MS = 20_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** So long is waited for a node that pushes to itself and comes no further. */
const STUCK_MS = 5 * 60_000;

/** `tags`: what keeps it here. Rejects with an `EngineError` that says of each node why it did not come from there. */
export async function fetchImage(
  { imageId, ref, sources, from }: CarryFetch,
  tags: readonly string[],
  parts: FetchParts,
  tell: Tell,
): Promise<Came> {
  if (from !== undefined) return await fetchFromRegistry({ imageId, ref, tags }, from, parts, tell);
  const problems: string[] = [];
  for (const source of sources) {
    const isLast = source === sources.at(-1);
    try {
      return await fetchFrom(source, { imageId, ref, tags, isLast }, parts, tell);
    } catch (error) {
      if (error instanceof EngineError && error.kind === 'down') throw error;
      problems.push(messageOf(error));
    }
  }
  throw new EngineError('refused', `${ref} is not on this node; ${problems.join('; ')}`);
}

async function fetchFromRegistry(
  wanted: Omit<Wanted, 'isLast'>,
  at: string,
  { engine, auth, signal }: FetchParts,
  tell: Tell,
): Promise<Came> {
  const host = registryOf(at);
  tell(`fetching ${wanted.ref} from ${host}`);
  await engine
    .pull(at, (percent) => tell(`fetching ${wanted.ref} from ${host}, ${percent} %`), {
      auth: auth(at),
      signal,
    })
    .catch((error: unknown) => {
      if (error instanceof EngineError && error.kind === 'down') throw error;
      throw new EngineError(
        'refused',
        `${wanted.ref} could not be fetched from ${at}: ${messageOf(error)}`,
        error,
      );
    });
  await takePulled(engine, at, wanted, host);
  return { from: host, via: 'registry', bytes: null };
}

interface Wanted {
  imageId: string;
  ref: string;
  tags: readonly string[];
  /** Nobody else has it: what breaks off is waited for. */
  isLast: boolean;
}

async function fetchFrom(source: CarrySource, wanted: Wanted, parts: FetchParts, tell: Tell): Promise<Came> {
  const { imageId, ref } = wanted;
  const hex = hexOfImage(imageId);
  if (hex === null) throw new EngineError('refused', `${imageId} is no image id`);
  const given = new AbortController();
  const signal = AbortSignal.any([parts.signal, given.signal]);
  const line = connections(source, parts.reach, (error) => {
    if (!wanted.isLast) given.abort(error);
  });
  const from = (): string => `${source.name}${line.via() === 'master' ? ' through the master' : ''}`;
  try {
    tell(`asking ${source.name} for ${ref}`);
    const digest = await untilReady(line.agent, hex, source, signal, (percent) =>
      tell(`${source.name} gets ${ref} ready, ${percent} %`),
    );
    const bytes = await pull({ digest, hex, line: line.agent, signal }, wanted, source, parts, (percent) =>
      tell(`fetching ${ref} from ${from()}, ${percent} %`),
    );
    return { from: source.name, via: line.via(), bytes };
  } finally {
    line.agent.destroy();
  }
}

/** Connections as they are needed; `onLost` when none can be had. */
function connections(
  source: CarrySource,
  reach: FetchParts['reach'],
  onLost: (error: Error) => void,
): { agent: Agent; via(): Via } {
  const agent = new Agent({ keepAlive: true, maxSockets: 6, timeout: 120_000 });
  let via: Via = 'direct';
  const create = (_: unknown, done: (error: Error | null, socket?: Duplex) => void): undefined => {
    reach(source).then(
      (reached) => {
        via = reached.via;
        done(null, reached.socket);
      },
      (error: Error) => {
        onLost(error);
        done(error);
      },
    );
  };
  Object.assign(agent, { createConnection: create });
  return { agent, via: () => via };
}

/** The digest of its manifest there. */
async function untilReady(
  agent: Agent,
  hex: string,
  source: CarrySource,
  signal: AbortSignal,
  onPercent: (percent: number) => void,
): Promise<string> {
  let last = -1;
  for (
    let movedAtMs = Date.now();
    Date.now() - movedAtMs < STUCK_MS;
    await delay(ASK_AGAIN_MS, null, { signal })
  ) {
    const said = await ask(agent, hex, source);
    if (said.state === 'ready') return said.digest;
    if (said.state === 'failed') throw new Error(`${source.name} has it and can't serve it: ${said.reason}`);
    if (said.percent === last) continue;
    last = said.percent;
    movedAtMs = Date.now();
    onPercent(said.percent);
  }
  throw new Error(`${source.name} has not come further in getting it ready for ${STUCK_MS / 60_000} min`);
}

function ask(agent: Agent, hex: string, { name }: CarrySource): Promise<Prepared> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, method: 'POST', path: `/images/${hex}`, headers: { host: 'images' } });
    sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error(`${name} does not answer`)));
    sent.on('error', reject);
    sent.on('response', (response) => {
      textOf(response)
        .then((text) => {
          const parsed = response.statusCode === 200 ? preparedSchema.safeParse(JSON.parse(text)) : null;
          if (parsed?.success) resolve(parsed.data);
          else reject(new Error(`${name} refused it: ${text.slice(0, 300)}`));
        })
        .catch(reject);
    });
    sent.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
  }
  return text;
}

async function pull(
  { digest, hex, line, signal }: { digest: string; hex: string; line: Agent; signal: AbortSignal },
  { imageId, ref, tags }: Wanted,
  source: CarrySource,
  { engine, loopback }: FetchParts,
  onPercent: (percent: number) => void,
): Promise<number> {
  const way = await loopback.open('from', hex, { agent: line });
  const pulled = `${way.repository}@${digest}`;
  try {
    onPercent(0);
    await engine.pull(pulled, onPercent, { auth: way.auth, signal }).catch((error: unknown) => {
      if (error instanceof EngineError && error.kind === 'down') throw error;
      throw new Error(`fetching it from ${source.name} broke off: ${messageOf(error)}`, { cause: error });
    });
    await takePulled(engine, pulled, { imageId, ref, tags }, source.name);
    return way.bytes();
  } finally {
    way.close();
  }
}

/** It is what the release was made from, or it is not taken. */
async function takePulled(
  engine: Engine,
  pulled: string,
  { imageId, ref, tags }: Omit<Wanted, 'isLast'>,
  from: string,
): Promise<void> {
  const image = await engine.image(pulled);
  if (image?.id !== imageId) {
    await engine.untag(pulled);
    throw new EngineError(
      'refused',
      `what came from ${from} for ${ref} is not the image that this release was made from (${image?.id.slice(7, 19) ?? 'none'}): the two nodes' Docker keep images in another way`,
    );
  }
  for (const tag of tags) await engine.tag(imageId, tag);
  if (tags.length > 0) await engine.untag(pulled);
}
