/** Removes the volumes that were made for previews which are no more: they are labelled with it, and nobody else's. */
import { type Engine, EngineError } from './engine.js';

/** `previews`: `project/name` of those there are. Answers with the names of what was removed; what is in use stays, and is asked for again. */
export async function removePreviewVolumes(
  engine: Pick<Engine, 'previewVolumes' | 'removeVolume'>,
  cluster: string,
  previews: readonly string[],
): Promise<string[]> {
  const removed: string[] = [];
  for (const { name, preview } of await engine.previewVolumes(cluster)) {
    if (previews.includes(preview)) continue;
    try {
      await engine.removeVolume(name);
      removed.push(name);
    } catch (error) {
      if (!(error instanceof EngineError && error.kind === 'conflict')) throw error;
    }
  }
  return removed;
}
