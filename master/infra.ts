/** Puts together what brings out pushes to infrastructure repositories; see control/infra. */
import type { Log } from '../shared/log.js';
import type { Commands } from './control/commands.js';
import { startInfra } from './control/infra.js';
import type { SecretValues } from './control/secret-values.js';
import type { Dispatch } from './dispatch/ports.js';
import type { Holder } from './http/access.js';
import { createSpecCheck } from './http/check-specs.js';
import type { Certificates, Settings } from './http/ports.js';
import type { Store } from './store/store.js';

/** Whoever may push has what a deployer without limits has. */
const PUSHER: Holder = { name: 'infra', role: 'deployer', projects: null };

export function startInfraPushes(options: {
  store: Store;
  commands: Pick<Commands, 'deploy' | 'remove'>;
  dispatch: Pick<Dispatch, 'readSource' | 'heardAtMs'>;
  secretValues: Pick<SecretValues, 'ofAll'>;
  own: Pick<Certificates, 'problemOf'>;
  settings: () => Pick<Settings, 'domain' | 'home' | 'security' | 'ownPorts' | 'imagesPrefix'>;
  log: Log;
}): { stop: () => Promise<void> } {
  const { store, commands, dispatch, secretValues, log } = options;
  const { all } = createSpecCheck(store, options.own, options.settings);
  return startInfra({
    ...{ store, log, nowMs: Date.now },
    ask: dispatch.readSource,
    isLive: (node) => dispatch.heardAtMs(node) !== null,
    secret: secretValues.ofAll,
    check: (specs) => all(specs, PUSHER),
    deploy: commands.deploy,
    remove: commands.remove,
  });
}
