/** Leaves nothing of an Orca behind: its processes by its home, its containers, networks and volumes by its label. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hostNetwork } from '../../discovery/host-network.js';
import { containersWith, dockerCall, dockerJson, filters, testDocker } from './docker.js';
import { isAlive, killHard, processesOf, signal } from './processes.js';
import { waitFor } from './wait-for.js';

/** Ends the server first, so that it restarts nothing, then every process of the home, again until none is left. */
export async function endProcesses(home: string): Promise<void> {
  const server = processesOf(home).filter(({ command }) => command.includes('server'));
  for (const { pid } of server) signal(pid, 'SIGTERM');
  await waitFor('the server to end', () => server.every(({ pid }) => !isAlive(pid)), {
    timeoutMs: 10_000,
  }).catch(() => {});
  for (let round = 0; round < 5; round += 1) {
    for (const { pid } of processesOf(home)) await killHard(pid);
  }
  rmSync(secretFolder(home), { recursive: true, force: true });
}

/** The folder of a home's secrets as files; it may be none. */
export function secretFolder(home: string): string {
  const name = `orca-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
  const places = ['/run', process.env.XDG_RUNTIME_DIR ?? '/run', '/dev/shm'];
  return places.map((place) => join(place, name)).find((folder) => existsSync(folder)) ?? join('/run', name);
}

/** Gives back what an agent of this home claimed of the host for names. */
export async function releaseNames(home: string): Promise<void> {
  const file = `${home}/discovery/claim.json`;
  if (!existsSync(file)) return;
  const { chain, range } = JSON.parse(readFileSync(file, 'utf8')) as { chain: string; range: string };
  await hostNetwork(chain).release(range);
}

/** Removes what carries the cluster's label. */
export async function removeLeftovers(cluster: string, docker = testDocker()): Promise<void> {
  const call = (method: string, path: string) => dockerCall(method, path, undefined, docker);
  const ask = <T>(path: string) => dockerJson<T>('GET', path, undefined, docker);
  for (const { Id } of await containersWith({ 'orca.cluster': cluster }, docker)) {
    await call('DELETE', `/containers/${Id}?force=true&v=true`);
  }
  const label = filters({ label: [`orca.cluster=${cluster}`] });
  const networks = await ask<{ Id: string }[]>(`/networks?filters=${label}`);
  for (const { Id } of networks) await call('DELETE', `/networks/${Id}`);
  const { Volumes } = await ask<{ Volumes: { Name: string }[] | null }>(`/volumes?filters=${label}`);
  for (const { Name } of Volumes ?? []) await call('DELETE', `/volumes/${Name}?force=true`);
  const reference = filters({ reference: [`orca.local/${cluster}/*/*`] });
  const images = await ask<{ RepoTags: string[] | null }[]>(`/images/json?filters=${reference}`);
  const kept = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag.startsWith('orca.local/'));
  for (const tag of kept) await call('DELETE', `/images/${tag}`);
}
