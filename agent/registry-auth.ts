/** Credentials that `docker login` left on this node (`auths` of Docker's config.json), read again at each pull. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface RegistryAuth {
  username: string;
  password: string;
  serveraddress: string;
}

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

function registryOf(ref: string): string {
  const first = ref.split('/')[0] ?? '';
  return ref.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
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
