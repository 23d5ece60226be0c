/** PURE: which registry a reference names, and how registries are named. */

const DOCKER_HUB = 'docker.io';

/** `docker.io` where the reference names none. */
export function registryOf(ref: string): string {
  const first = ref.split('/')[0] ?? '';
  return ref.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first : DOCKER_HUB;
}

/** The registry as references name it; null: it is no host with or without a port. */
export function readRegistryHost(given: string): string | null {
  const host = given
    .toLowerCase()
    .replace(/^https:\/\//, '')
    .replace(/\/(v[12]\/?)?$/, '');
  if (/^(index|registry-1|registry)\.docker\.io$/.test(host)) return DOCKER_HUB;
  const isHost = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?(:\d{1,5})?$/.test(host);
  return isHost && registryOf(`${host}/x`) === host ? host : null;
}

/** What Docker is told of who asks; the hub has another address for it (docs.docker.com, Engine API, authentication). */
export const serverAddressOf = (host: string): string =>
  host === DOCKER_HUB ? 'https://index.docker.io/v1/' : host;
