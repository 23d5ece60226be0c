/** Credentials for registries with the programs that give some of them: what they give has the assignments made anew. */
import type { Log } from '../shared/log.js';
import { createFreshCredentials } from './control/fresh-credentials.js';
import { createRegistries, type Registries } from './control/registries.js';
import type { States } from './control/states.js';
import type { Keyring } from './keyring.js';
import { credentialsByCommand } from './registry-command.js';
import type { Store } from './store/store.js';

export function createRegistryCredentials(options: {
  store: Store;
  states: States;
  keys: Pick<Keyring, 'seal' | 'unseal'>;
  log: Log;
}): Registries {
  const { store, states, keys, log } = options;
  const onChange = (): void => {
    store.markAll();
    // A commit wakes the loop; nothing else of it is of any matter.
    store.write((tx) => tx.putMeta('registries-fetched', Date.now()));
  };
  return createRegistries(
    store,
    states,
    keys,
    createFreshCredentials({ fetch: credentialsByCommand, onChange, log }),
  );
}
