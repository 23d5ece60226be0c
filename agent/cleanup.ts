/**
 * Removes images that were built here and that nothing needs any more, when the master says what is needed. Only what carries the cluster's label and a tag
 * of Orca's builds; Docker keeps what a container is made from, and takes the layers that were the image's alone.
 */
import { statfs } from 'node:fs/promises';
import type { Cleaned, Cleanup } from '../shared/cleanup.js';
import { messageOf } from '../shared/errors.js';
import type { BuiltImage, Engine } from './engine.js';
import type { Facts } from './facts.js';
import { removePreviewVolumes } from './preview-volumes.js';

export const BUILD_PREFIX = 'orca-build/';

export async function cleanUp(
  { id, isDry, keep, previews }: Cleanup,
  { engine, cluster, facts }: { engine: Engine; cluster: string | null; facts: Facts },
): Promise<Cleaned> {
  const removed: Cleaned['images'] = [];
  const volumes: string[] = [];
  const said = async (problem: string | null): Promise<Cleaned> => ({
    ...{ type: 'cleaned', id, images: removed, problem, ...(volumes.length > 0 ? { volumes } : {}) },
    diskUsedPercent: await diskUsed(engine),
  });
  try {
    const all = cluster === null ? [] : await engine.builtImages(cluster);
    const needed = new Set([...keep, ...[...facts.resolved.values()].map((image) => image.id)]);
    for (const image of all.filter((one) => !needed.has(one.id)))
      for (const tag of ownTags(image)) {
        if (!isDry) await engine.removeBuilt(tag);
        removed.push({ tag, sizeBytes: image.sizeBytes });
      }
    if (previews && cluster !== null)
      volumes.push(...(await removePreviewVolumes(engine, cluster, previews)));
    return await said(null);
  } catch (error) {
    return said(messageOf(error));
  }
}

/** One that somebody gave another name is that somebody's too: it only loses ours. */
const ownTags = ({ tags }: BuiltImage): string[] => tags.filter((tag) => tag.startsWith(BUILD_PREFIX));

/** Of the fullest disk that images are on. */
async function diskUsed(engine: Engine): Promise<number | null> {
  const places = await engine.imagePlaces().catch(() => []);
  const found = await Promise.all(places.map((place) => statfs(place).catch(() => null)));
  const shares = found.flatMap((disk) =>
    disk && disk.blocks > 0 ? [Math.round((1 - disk.bavail / disk.blocks) * 100)] : [],
  );
  return shares.length === 0 ? null : Math.max(...shares);
}
