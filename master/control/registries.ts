/**
 * Who this cluster is at image registries. A password is kept sealed and handed to the nodes that pull from that registry, with
 * their assignment and in no file there; it is in no answer, event or error.
 */
import { OrcaError } from '../../shared/errors.js';
import type { Assignment } from '../../shared/protocol.js';
import { readRegistryHost, registryOf } from '../../shared/registry-host.js';
import {
  deleteRegistry,
  putRegistry,
  type RegistryRecord,
  registriesIn,
  registryIn,
} from '../store/registries.js';
import type { Store } from '../store/store.js';
import type { States } from './states.js';

export interface RegistryFacts extends Pick<RegistryRecord, 'host' | 'username' | 'setAtMs' | 'by'> {
  usedBy: string[];
}

export interface Registries {
  list(): RegistryFacts[];
  /** Answers the host as it is kept. Throws BODY_INVALID. */
  login(given: { host: string; username: string; password: string }, by: string): string;
  /** Throws REGISTRY_NOT_FOUND. */
  logout(host: string, by: string): string;
  /** What a node with this content pulls with; absent: nothing. */
  sentFor(content: Pick<Assignment, 'images' | 'allocations' | 'carry'>): Assignment['registries'];
  /** Changes with what is kept. */
  mark(): string;
}

export function createRegistries(
  store: Store,
  states: Pick<States, 'all'>,
  keys: { seal(plain: string): string; unseal(sealed: string): string },
): Registries {
  const usedBy = (host: string): string[] =>
    states
      .all()
      .filter(({ service }) => registryOf(service.spec.container.image) === host)
      .map(({ service }) => service.key);
  const tell = (message: string, by: string) => ({
    ...{ atMs: Date.now(), kind: 'registry.changed', message: `${message} by ${by}` },
    ...{ service: null, node: null, rollout: null },
  });
  return {
    list: () =>
      registriesIn(store).map(({ host, username, setAtMs, by }) => ({
        host,
        username,
        setAtMs,
        by,
        usedBy: usedBy(host),
      })),
    login({ host: given, username, password }, by) {
      store.requireRoom();
      const host = hostOf(given);
      const sealedPassword = keys.seal(password);
      store.write((tx) => {
        putRegistry(tx, { host, username, sealedPassword, setAtMs: Date.now(), by });
        tx.addEvent(tell(`credentials of ${username} at the registry ${host} were set`, by));
      });
      store.markAll();
      return host;
    },
    logout(given, by) {
      const host = hostOf(given);
      if (!registryIn(store, host))
        throw new OrcaError('REGISTRY_NOT_FOUND', `there are no credentials for the registry ${host}`);
      store.write((tx) => {
        deleteRegistry(tx, host);
        tx.addEvent(tell(`credentials at the registry ${host} were removed`, by));
      });
      store.markAll();
      return host;
    },
    sentFor({ images, allocations, carry }) {
      const running = allocations.filter(({ desired }) => desired === 'running');
      const refs = [
        ...images.map(({ ref }) => ref),
        ...running.map(({ container }) => container.image),
        ...(carry?.fetch ?? []).flatMap(({ from }) => from ?? []),
        ...(carry?.push ?? []).map(({ to }) => to),
      ];
      const found = [...new Set(refs.map(registryOf))].sort().flatMap((host) => {
        const record = registryIn(store, host);
        return record ? [[host, opened(record, keys.unseal)] as const] : [];
      });
      return found.length === 0 ? undefined : Object.fromEntries(found);
    },
    mark: () => JSON.stringify(registriesIn(store).map(({ host, setAtMs }) => [host, setAtMs])),
  };
}

/** What can't be opened is a reason that the pull shows. */
function opened(
  { host, username, sealedPassword }: RegistryRecord,
  unseal: (sealed: string) => string,
): NonNullable<Assignment['registries']>[string] {
  try {
    return { username, password: unseal(sealedPassword), reason: null };
  } catch {
    const reason = `what is stored of the registry ${host} can't be read: it was changed outside of Orca; \`orca registry login ${host}\` sets it anew`;
    return { username, password: null, reason };
  }
}

function hostOf(given: string): string {
  const host = readRegistryHost(given);
  if (host !== null) return host;
  throw new OrcaError(
    'BODY_INVALID',
    `${JSON.stringify(given)} is no registry: name its host as images do, such as registry.example.com:5000 or docker.io`,
  );
}
