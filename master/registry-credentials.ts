/** Credentials for registries with the programs that give some of them: what they give has the assignments made anew. */
import type { Log } from '../shared/log.js';
import { createFreshCredentials } from './control/fresh-credentials.js';
import { createRegistries, type Registries } from './control/registries.js';
import type { States } from './control/states.js';
import type { Keyring } from './keyring.js';
import { credentialsByCommand } from './registry-command.js';
import { credentialsByUrl, type TokenUrl } from './registry-token-url.js';
import { bindOfPassword } from './store/registries.js';
import type { Store } from './store/store.js';

export function createRegistryCredentials(options: {
  store: Store;
  states: States;
  keys: Pick<Keyring, 'seal' | 'unseal'>;
  log: Log;
  /** Of the loop that plans and assigns: no commit of these wakes it. */
  wake: () => void;
}): Registries {
  const { store, states, keys, log } = options;
  const onChange = (): void => {
    store.markAll();
    options.wake();
  };
  return createRegistries(
    store,
    states,
    keys,
    createFreshCredentials({
      fetch: async (source, host) =>
        'command' in source
          ? await credentialsByCommand(source.command, host)
          : await credentialsByUrl(opened(host, source.sealed, keys.unseal)),
      onChange,
      log,
    }),
    onChange,
  );
}

function opened(host: string, sealed: string, unseal: Keyring['unseal']): TokenUrl {
  try {
    return JSON.parse(unseal(sealed, bindOfPassword(host))) as TokenUrl;
  } catch {
    throw new Error('what is stored of it can not be read: it was changed outside of Orca; log in again');
  }
}
