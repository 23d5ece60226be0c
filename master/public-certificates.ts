/** ACME as the master runs it: its settings, the names that are served, and the ingresses that answer for them. */

import { CHALLENGE_PATH } from '../shared/challenge-path.js';
import type { Log } from '../shared/log.js';
import { createIssuer } from './acme/client.js';
import { checkReach } from './acme/reach.js';
import type { Authority } from './authority.js';
import { type Acme, type AcmePort, type AcmeSettings, createAcme } from './control/acme.js';
import { wantedNames } from './control/certificates.js';
import type { States } from './control/states.js';
import type { Store } from './store/store.js';

export interface PublicCertificatesOptions {
  store: Store;
  states: States;
  authority: Authority;
  settings(): { acme: AcmeSettings | null };
  /** A certificate of the user's covers it. */
  isCovered(name: string): boolean;
  onChange(): void;
  log: Log;
}

export function createPublicCertificates(options: PublicCertificatesOptions): Acme {
  const { store, states, settings } = options;
  const wanted = (): Set<string> =>
    new Set([...wantedNames(states.all())].filter((name) => !options.isCovered(name)));
  return createAcme({
    ...{ store, authority: options.authority, wanted, port: portOf(store), log: options.log },
    settings: () => settings().acme,
    onChange: options.onChange,
  });
}

function portOf(store: Store): AcmePort {
  const issue = createIssuer();
  const ingress = (): string[] =>
    store.nodes().flatMap(({ ingress, facts }) => (ingress ? [facts.address] : []));
  return {
    reach: (name, { token, content }, { resolvers }) =>
      checkReach({ name, path: CHALLENGE_PATH, token, content, resolvers, ingress: ingress() }),
    issue: ({ settings, ...order }) => issue({ ca: settings, ...order }),
  };
}
