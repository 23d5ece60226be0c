/**
 * Who this cluster is at image registries. A password is kept sealed and handed to the nodes that pull from that registry, with
 * their assignment and in no file there; it is in no answer, event or error.
 */
import type { RegistryLogin } from '../../shared/api-registries.js';
import { OrcaError } from '../../shared/errors.js';
import type { Rollout } from '../../shared/model.js';
import type { Assignment } from '../../shared/protocol.js';
import { readRegistryHost, registryOf } from '../../shared/registry-host.js';
import {
  bindOfPassword,
  deleteRegistry,
  putRegistry,
  type RegistryRecord,
  registriesIn,
  registryIn,
} from '../store/registries.js';
import type { Store } from '../store/store.js';
import type { FreshCredentials } from './fresh-credentials.js';
import type { States } from './states.js';

export interface RegistryFacts extends Pick<RegistryRecord, 'host' | 'setAtMs' | 'by'> {
  username: string | null;
  command: string[] | null;
  usedBy: string[];
}

export interface Registries {
  list(): RegistryFacts[];
  /** Answers the host as it is kept. Throws BODY_INVALID. */
  login(given: RegistryLogin, by: string): string;
  /** Throws REGISTRY_NOT_FOUND. */
  logout(host: string, by: string): string;
  /** What a node with this content pulls with; absent: nothing. */
  sentFor(content: Pick<Assignment, 'images' | 'allocations' | 'carry'>): Assignment['registries'];
  /** Changes with what is kept. */
  mark(): string;
  /** Why the plan of a rollout that begins has to wait; null: it need not. */
  waitFor(rollout: Rollout): string | null;
}

export function createRegistries(
  store: Store,
  states: Pick<States, 'all'>,
  keys: { seal(plain: string, bind: string): string; unseal(sealed: string, bind: string): string },
  fresh: FreshCredentials,
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
      registriesIn(store).map(({ host, username, command = null, setAtMs, by }) => ({
        ...{ host, setAtMs, by, command, usedBy: usedBy(host) },
        username: command === null ? username : null,
      })),
    login(given, by) {
      store.requireRoom();
      const host = hostOf(given.host);
      const sealed = (password: string): string => keys.seal(password, bindOfPassword(host));
      const record = { host, ...credentialsOf(given, sealed), setAtMs: Date.now(), by };
      store.write((tx) => {
        putRegistry(tx, record);
        const whose = record.command ? `given by ${record.command[0]}` : `of ${record.username}`;
        tx.addEvent(tell(`credentials ${whose} at the registry ${host} were set`, by));
      });
      fresh.forget(host);
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
        const given = record && givenBy(record, keys.unseal, fresh);
        return given ? [[host, given] as const] : [];
      });
      return found.length === 0 ? undefined : Object.fromEntries(found);
    },
    mark() {
      const kept = registriesIn(store);
      // Asked for often, and so what renews those that are old.
      for (const { host, command } of kept) if (command !== undefined) fresh.of(host, command);
      return JSON.stringify([kept.map(({ host, setAtMs }) => [host, setAtMs]), fresh.mark()]);
    },
    waitFor: (rollout) => fresh.waitFor(rollout, (host) => registryIn(store, host)?.command ?? null),
  };
}

function credentialsOf(
  { username, password, command }: RegistryLogin,
  seal: (plain: string) => string,
): Pick<RegistryRecord, 'username' | 'sealedPassword' | 'command'> {
  if (command !== undefined && username === undefined && password === undefined)
    return { username: '', sealedPassword: null, command };
  if (command === undefined && username !== undefined && password !== undefined)
    return { username, sealedPassword: seal(password) };
  throw new OrcaError('BODY_INVALID', 'give a username and a password, or a command that gives both');
}

/** What can't be had is a reason that the pull shows; null: it is being fetched. */
function givenBy(
  { host, username, sealedPassword, command }: RegistryRecord,
  unseal: (sealed: string, bind: string) => string,
  fresh: FreshCredentials,
): NonNullable<Assignment['registries']>[string] | null {
  if (command !== undefined) {
    const given = fresh.of(host, command);
    return given && { username: '', ...given };
  }
  try {
    return { username, password: unseal(sealedPassword ?? '', bindOfPassword(host)), reason: null };
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
