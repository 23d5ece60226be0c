/** The builds' part of the fake engine: an image for each build, whose output a test gives, and which can be made to fail or to hang. */
import { text } from 'node:stream/consumers';
import {
  type BuildKit,
  type BuiltImage,
  type Engine,
  EngineError,
  type ImageBuild,
  type ObservedImage,
} from '../../agent/engine.js';

export interface FakeBuilds {
  /** What was built, oldest first. */
  readonly built: { request: ImageBuild; tar: string }[];
  /** What of BuildKit there is; none unless a test says so. */
  hasKit: BuildKit;
  /** What a build prints, and how it ends; a test puts another in its place. */
  output: (
    request: ImageBuild,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => string | null | Promise<string | null>;
}

/** `output` answers with the words of a failure, or null. */
export function fakeBuilds(
  images: Map<string, ObservedImage>,
  now: () => number,
): FakeBuilds & Pick<Engine, 'build' | 'kit' | 'builtImages' | 'removeBuilt'> {
  const kept = new Map<string, BuiltImage>();
  const builds: FakeBuilds & Pick<Engine, 'build' | 'kit' | 'builtImages' | 'removeBuilt'> = {
    built: [],
    hasKit: { level: 'none', reason: 'a fake has none' },
    kit: async () => builds.hasKit,
    output: (_, onLine) => {
      onLine('Step 1/1 : FROM scratch');
      return null;
    },
    async build(request, context, onLine, signal) {
      const tar = await text(context);
      const problem = await builds.output(request, onLine, signal);
      signal.throwIfAborted();
      if (problem !== null) throw new EngineError('refused', problem);
      builds.built.push({ request, tar });
      const id = `sha256:built-${builds.built.length}`;
      const image = { id, tags: [request.tag], sizeBytes: 1_000, createdAtMs: now(), labels: request.labels };
      kept.set(request.tag, image);
      images.set(request.tag, { id, digest: null });
      return image;
    },
    async builtImages(cluster) {
      return [...kept.values()].filter(({ labels }) => labels['orca.cluster'] === cluster);
    },
    async removeBuilt(tag) {
      kept.delete(tag);
      images.delete(tag);
    },
  };
  return builds;
}
