/** Puts together what belongs to builds from source, but for the builds themselves, which are rollouts: keys for repositories, and old images. */
import type { Log } from '../shared/log.js';
import { type CleanupOptions, createCleanUp, startCleanUp } from './control/cleanup.js';
import { createDeployKeys } from './control/deploy-keys.js';
import { startPreviewVolumes } from './control/preview-volumes.js';
import type { Secrets } from './control/secrets.js';
import type { CleanUp, DeployKeys } from './http/ports.js';

export interface Sources {
  parts: { deployKeys: DeployKeys; cleanUp: CleanUp };
  /** Answers with how to end what was begun. */
  start(log: Log): () => Promise<void> | void;
}

export function createSources(options: CleanupOptions & { secrets: Pick<Secrets, 'set'> }): Sources {
  return {
    parts: {
      deployKeys: createDeployKeys(options.store, options.secrets),
      cleanUp: createCleanUp(options),
    },
    start: (log) => {
      const loops = [startCleanUp(options, log), startPreviewVolumes(options, log)];
      return () => Promise.all(loops.map((loop) => loop.stop())).then(() => undefined);
    },
  };
}
