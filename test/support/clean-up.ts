/** Leaves nothing of an Orca behind: its processes by its home, its containers, networks and volumes by its label. */
import { containersWith, dockerCall, dockerJson, filters } from './docker.js';
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
}

/** Removes what carries the cluster's label. */
export async function removeLeftovers(cluster: string): Promise<void> {
  for (const { Id } of await containersWith({ 'orca.cluster': cluster })) {
    await dockerCall('DELETE', `/containers/${Id}?force=true&v=true`);
  }
  const label = filters({ label: [`orca.cluster=${cluster}`] });
  const networks = await dockerJson<{ Id: string }[]>('GET', `/networks?filters=${label}`);
  for (const { Id } of networks) await dockerCall('DELETE', `/networks/${Id}`);
  const { Volumes } = await dockerJson<{ Volumes: { Name: string }[] | null }>(
    'GET',
    `/volumes?filters=${label}`,
  );
  for (const { Name } of Volumes ?? []) await dockerCall('DELETE', `/volumes/${Name}?force=true`);
  const reference = filters({ reference: [`orca.local/${cluster}/*/*`] });
  const images = await dockerJson<{ RepoTags: string[] | null }[]>(
    'GET',
    `/images/json?filters=${reference}`,
  );
  const kept = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((tag) => tag.startsWith('orca.local/'));
  for (const tag of kept) await dockerCall('DELETE', `/images/${tag}`);
}
