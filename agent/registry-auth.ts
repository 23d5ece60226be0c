/** Who pulls: as the master has said, or else as `docker login` on this node has (`auths` of Docker's config.json), read again at each pull. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SentRegistry } from '../shared/carry.js';
import { registryOf, serverAddressOf } from '../shared/registry-host.js';
import { EngineError, type RegistryAuth } from './engine.js';

/** Null: none known. Credential helpers are not asked. */
export async function registryAuth(ref: string): Promise<RegistryAuth | null> {
  const folder = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => null);
  return text === null ? null : authFor(ref, text);
}

/** PURE: the entry of `config.json` for the registry of `ref`. */
export function authFor(ref: string, configText: string): RegistryAuth | null {
  const host = registryOf(ref);
  const keys =
    host === 'docker.io' ? ['https://index.docker.io/v1/', 'docker.io'] : [host, `https://${host}`];
  try {
    const config = JSON.parse(configText) as { auths?: Record<string, { auth?: string }> };
    const key = keys.find((k) => config.auths?.[k]?.auth);
    const decoded = Buffer.from(config.auths?.[key ?? '']?.auth ?? '', 'base64').toString();
    const colon = decoded.indexOf(':');
    if (key === undefined || colon < 1) return null;
    return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), serveraddress: key };
  } catch {
    return null;
  }
}

/** What the master has said of the registry of `ref`; null: nothing. Throws with the reason when it could not be opened. */
export function sentAuth(
  ref: string,
  registries: Readonly<Record<string, SentRegistry>>,
): RegistryAuth | null {
  const host = registryOf(ref);
  const sent = Object.hasOwn(registries, host) ? registries[host] : undefined;
  if (sent === undefined) return null;
  if (sent.password === null) throw new EngineError('refused', sent.reason ?? `no password for ${host}`);
  return { username: sent.username, password: sent.password, serveraddress: serverAddressOf(host) };
}

/** All that are known, by registry, as a build is given them for its base images; null: none. */
export async function registriesAuth(): Promise<Record<string, Omit<RegistryAuth, 'serveraddress'>> | null> {
  const folder = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker');
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => null);
  const known = text === null ? {} : allAuths(text);
  return Object.keys(known).length === 0 ? null : known;
}

function allAuths(configText: string): Record<string, Omit<RegistryAuth, 'serveraddress'>> {
  try {
    const { auths = {} } = JSON.parse(configText) as { auths?: Record<string, { auth?: string }> };
    const pairs = Object.entries(auths).flatMap(([registry, { auth = '' }]) => {
      const decoded = Buffer.from(auth, 'base64').toString();
      const colon = decoded.indexOf(':');
      if (colon < 1) return [];
      return [[registry, { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }] as const];
    });
    return Object.fromEntries(pairs);
  } catch {
    return {};
  }
}
