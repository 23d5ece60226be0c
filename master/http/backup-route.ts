/** `GET /backup`: the archive of the master's state, which holds every secret of the cluster; for admins only. */
import type { Readable } from 'node:stream';
import type { Store } from '../store/store.js';
import { ofCluster } from './access.js';
import { type Route, route } from './route.js';

export function backupRoute(store: Store, backup: () => Promise<Readable>): Route {
  return route('GET /backup', {
    summary:
      'The state of the master as a tar archive, with every secret of the cluster; `orca restore` takes it',
    touches: { ...ofCluster('rule', 'a backup, which holds every secret,'), isTold: true },
    run: async ({ actor }) => {
      const stream = await backup();
      const message = `a backup was made for ${actor.by}`;
      store.write((tx) =>
        tx.addEvent({ atMs: Date.now(), kind: 'backup', service: null, node: null, rollout: null, message }),
      );
      return { kind: 'bytes', type: 'application/x-tar', stream };
    },
  });
}
