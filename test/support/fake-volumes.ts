/** The fake engine's volumes: those that were made for previews, which are there from the first container on and held by any. */
import { type ContainerRequest, type Engine, EngineError } from '../../agent/engine.js';

export function fakeVolumes(held: ReadonlyMap<string, { request: ContainerRequest }>) {
  const volumes = new Map<string, { cluster: string; preview: string }>();
  const port: Pick<Engine, 'previewVolumes' | 'removeVolume'> = {
    previewVolumes: async (cluster) =>
      [...volumes].flatMap(([name, of]) => (of.cluster === cluster ? [{ name, preview: of.preview }] : [])),
    async removeVolume(name) {
      const isHeld = [...held.values()].some(({ request }) => namesOf(request).includes(name));
      if (isHeld) throw new EngineError('conflict', `remove ${name}: volume is in use`);
      volumes.delete(name);
    },
  };
  return {
    port,
    made(request: ContainerRequest): void {
      const { project, service } = request.allocation;
      for (const name of namesOf(request))
        volumes.set(name, { cluster: request.cluster, preview: `${project}/${service}` });
    },
  };
}

const namesOf = ({ allocation }: ContainerRequest): string[] =>
  allocation.container.volumes.flatMap(({ name, preview }) =>
    preview ? [`${allocation.project}_${allocation.service}_${name}`] : [],
  );
