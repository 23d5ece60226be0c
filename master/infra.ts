/** Puts together what brings out pushes to infrastructure repositories; see control/infra. */
import type { Log } from '../shared/log.js';
import type { Commands } from './control/commands.js';
import { startInfra } from './control/infra.js';
import type { SecretValues } from './control/secret-values.js';
import type { Dispatch } from './dispatch/ports.js';
import { createSpecCheck } from './http/check-specs.js';
import type { Certificates, Settings } from './http/ports.js';
import type { Store } from './store/store.js';

export function startInfraPushes(options: {
  store: Store;
  commands: Pick<Commands, 'deploy' | 'remove'>;
  dispatch: Pick<Dispatch, 'readSource' | 'heardAtMs'>;
  secretValues: Pick<SecretValues, 'ofAll'>;
  own: Pick<Certificates, 'problemOf'>;
  settings: () => Pick<Settings, 'domain' | 'home' | 'security'>;
  log: Log;
}): { stop: () => Promise<void> } {
  const { store, commands, dispatch, secretValues, log } = options;
  return startInfra({
    ...{ store, log, nowMs: Date.now },
    ask: dispatch.readSource,
    isLive: (node) => dispatch.heardAtMs(node) !== null,
    secret: secretValues.ofAll,
    check: createSpecCheck(store, options.own, options.settings).all,
    deploy: commands.deploy,
    remove: commands.remove,
  });
}
