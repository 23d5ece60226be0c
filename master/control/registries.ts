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
import type { FreshCredentials, FreshSource } from './fresh-credentials.js';
import type { States } from './states.js';
import { shownUrl, tokenUrlProblem } from './token-url.js';

export interface RegistryFacts extends Pick<RegistryRecord, 'host' | 'setAtMs' | 'by'> {
  username: string | null;
  command: string[] | null;
  tokenUrl: string | null;
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
  /** Others are to be handed out from now on. */
  onChange: () => void,
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
      registriesIn(store).map(({ host, username, command = null, tokenUrl = null, setAtMs, by }) => ({
        ...{ host, setAtMs, by, command, tokenUrl, usedBy: usedBy(host) },
        username: command === null && username !== '' ? username : null,
      })),
    login(given, by) {
      store.requireRoom();
      const host = hostOf(given.host);
      const sealed = (password: string): string => keys.seal(password, bindOfPassword(host));
      const record = { host, ...credentialsOf(given, sealed), setAtMs: Date.now(), by };
      store.write((tx) => {
        putRegistry(tx, record);
        const giver = record.command?.[0] ?? record.tokenUrl;
        const whose = giver === undefined ? `of ${record.username}` : `given by ${giver}`;
        tx.addEvent(tell(`credentials ${whose} at the registry ${host} were set`, by));
      });
      fresh.forget(host);
      onChange();
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
      onChange();
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
      for (const record of kept) {
        const source = sourceOf(record);
        if (source !== null) fresh.of(record.host, source);
      }
      return JSON.stringify([kept.map(({ host, setAtMs }) => [host, setAtMs]), fresh.mark()]);
    },
    waitFor: (rollout) =>
      fresh.waitFor(rollout, (host) => {
        const record = registryIn(store, host);
        return record && sourceOf(record);
      }),
  };
}

/** Null: the password is kept. */
function sourceOf({ command, tokenUrl, sealedPassword }: RegistryRecord): FreshSource | null {
  if (command !== undefined) return { command };
  return tokenUrl === undefined ? null : { sealed: sealedPassword ?? '' };
}

function credentialsOf(
  { username, password, command, token_url: tokenUrl, bearer }: RegistryLogin,
  seal: (plain: string) => string,
): Pick<RegistryRecord, 'username' | 'sealedPassword' | 'command' | 'tokenUrl'> {
  if (tokenUrl !== undefined) {
    const problem = tokenUrlProblem(tokenUrl);
    if (problem !== null) throw new OrcaError('BODY_INVALID', `token_url ${problem}`);
    if (command !== undefined || password !== undefined)
      throw new OrcaError('BODY_INVALID', 'give one of a password, a command and a token_url');
    const asked = { url: tokenUrl, bearer: bearer ?? null, username: username ?? null };
    const sealedPassword = seal(JSON.stringify(asked));
    return { username: username ?? '', sealedPassword, tokenUrl: shownUrl(tokenUrl) };
  }
  if (bearer !== undefined) throw new OrcaError('BODY_INVALID', 'bearer is what a token_url is asked with');
  if (command !== undefined && username === undefined && password === undefined)
    return { username: '', sealedPassword: null, command };
  if (command === undefined && username !== undefined && password !== undefined)
    return { username, sealedPassword: seal(password) };
  throw new OrcaError(
    'BODY_INVALID',
    'give a username and a password, or a command or a token_url that gives both',
  );
}

/** What can't be had is a reason that the pull shows; null: it is being fetched. */
function givenBy(
  record: RegistryRecord,
  unseal: (sealed: string, bind: string) => string,
  fresh: FreshCredentials,
): NonNullable<Assignment['registries']>[string] | null {
  const { host, username, sealedPassword } = record;
  const source = sourceOf(record);
  if (source !== null) {
    const given = fresh.of(host, source);
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
