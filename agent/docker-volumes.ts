/** Volumes on dockerode: those that were made for previews. Docker makes a volume with the first container that has it, and with its labels. */
import { ANSWER_MS, ask, askMaybe, WORK_MS } from './docker-errors.js';
import type { Docker } from './dockerode.js';
import type { Engine } from './engine.js';
import { LABEL_CLUSTER, LABEL_PREVIEW } from './labels.js';

export function dockerVolumes(docker: Docker): Pick<Engine, 'previewVolumes' | 'removeVolume'> {
  return {
    async previewVolumes(cluster) {
      const filters = JSON.stringify({ label: [LABEL_PREVIEW, `${LABEL_CLUSTER}=${cluster}`] });
      const { Volumes } = await ask(ANSWER_MS, (abortSignal) =>
        docker.listVolumes({ filters, abortSignal } as Parameters<Docker['listVolumes']>[0]),
      );
      return (Volumes ?? []).map(({ Name, Labels }) => ({
        name: Name,
        preview: Labels?.[LABEL_PREVIEW] ?? '',
      }));
    },
    async removeVolume(name) {
      await askMaybe(WORK_MS, () => docker.getVolume(name).remove());
    },
  };
}
