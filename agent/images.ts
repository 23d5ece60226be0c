/**
 * Finds the image that a release is made from: on this node, or from its registry as the pull policy says. Says in one
 * sentence what was asked, what came of it and what to do.
 */
import type { ImageWant } from '../shared/protocol.js';
import { type Engine, EngineError, type ObservedImage } from './engine.js';
import { withAdvice } from './words.js';

export interface ImageQuestion {
  ref: string;
  pull: ImageWant['pull'];
  /** That very image, whatever the reference names by now; null: the one the reference names. */
  imageId: string | null;
}

/** Rejects with an `EngineError` of kind `no-such-image`, or `down` when the engine gave no answer. */
export async function resolveImage(
  engine: Engine,
  question: ImageQuestion,
  onPercent: (percent: number) => void,
): Promise<ObservedImage> {
  return question.imageId === null
    ? resolveReference(engine, question, onPercent)
    : resolveId(engine, question, question.imageId, onPercent);
}

async function resolveReference(
  engine: Engine,
  { ref, pull }: ImageQuestion,
  onPercent: (percent: number) => void,
): Promise<ObservedImage> {
  if (pull !== 'always') {
    const local = await engine.image(ref);
    if (local) return local;
    if (pull === 'never') throw notHere(ref);
  }
  await pullOrSay(engine, ref, pull, onPercent);
  const pulled = await engine.image(ref);
  if (pulled) return pulled;
  throw new EngineError('no-such-image', `image "${ref}" was pulled and is not on this node; pull it again`);
}

/** Where the image store names images by their manifest (containerd), the id is a digest that a registry can be asked for. */
async function resolveId(
  engine: Engine,
  { ref, pull }: ImageQuestion,
  imageId: string,
  onPercent: (percent: number) => void,
): Promise<ObservedImage> {
  const local = await engine.image(imageId);
  if (local) return local;
  if (pull === 'never') throw notHere(ref);
  await pullOrSay(engine, ref, pull, onPercent);
  const byId = (await engine.image(imageId)) ?? (await pullDigest(engine, ref, imageId, onPercent));
  if (byId) return byId;
  const id = imageId.replace(/^sha256:/, '').slice(0, 12);
  throw new EngineError(
    'no-such-image',
    `image "${ref}" names another image by now than the one this release was made from (${id}), and that one is not on this node; deploy again, or load it there`,
  );
}

async function pullDigest(
  engine: Engine,
  ref: string,
  imageId: string,
  onPercent: (percent: number) => void,
): Promise<ObservedImage | null> {
  try {
    await engine.pull(`${repositoryOf(ref)}@${imageId}`, onPercent);
  } catch (error) {
    if (error instanceof EngineError && error.kind !== 'down') return null;
    throw error;
  }
  return engine.image(imageId);
}

async function pullOrSay(
  engine: Engine,
  ref: string,
  pull: ImageWant['pull'],
  onPercent: (percent: number) => void,
): Promise<void> {
  try {
    await engine.pull(ref, onPercent);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind === 'down') throw error;
    const wayOut = pull === 'always' ? ', or set pull = "if-not-present" to use the copy on this node' : '';
    const words = withAdvice(`image "${ref}" could not be pulled (pull is "${pull}"): ${error.message}`);
    throw new EngineError('no-such-image', `${words}${wayOut}`, error);
  }
}

function notHere(ref: string): EngineError {
  const message = `image "${ref}" is not on this node and pull is "never"; load it there or change pull`;
  return new EngineError('no-such-image', message);
}

/** `host:5000/app:1` → `host:5000/app`; a digest goes too. */
export function repositoryOf(ref: string): string {
  const name = ref.split('@')[0] ?? ref;
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
