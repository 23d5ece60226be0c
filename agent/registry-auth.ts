/** Credentials that `docker login` left on this node (`auths` of Docker's config.json), read again at each pull. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { RegistryAuth } from './engine.js';

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

/** `docker.io` where the reference names none. */
export function registryOf(ref: string): string {
  const first = ref.split('/')[0] ?? '';
  return ref.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}
