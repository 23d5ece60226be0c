/** A container that is killed, to the first 200 of its replacement, against `docker run` of the same image. */
import { setTimeout as pause } from 'node:timers/promises';
import { dockerJson } from '../test/support/docker.js';
import type { Orca } from '../test/support/orca.js';
import { serviceToml } from '../test/support/service-toml.js';
import { dockerRunMs, firstAnswer } from './docker-run.js';
import { comparisonTable, type Section } from './table.js';

/** A container that was up this long is replaced at once; younger ones back off. */
const STEADY_MS = 10_000;

export async function benchReplace(orca: Orca, image: string, rounds: number): Promise<Section> {
  const names = Array.from({ length: rounds }, (_, round) => `r${round}`);
  const services = names.map((name) => ({ name, image, domain: `${name}.localhost`, readiness: [] }));
  orca.write('replace/service.toml', serviceToml(...services));
  const { code, stderr } = await orca.run(['deploy', '-f', 'replace/service.toml']);
  if (code !== 0) throw new Error(stderr);
  await pause(STEADY_MS + 1_000);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (const name of names) {
    ours.push(await replaceMs(orca, name));
    theirs.push(await dockerRunMs(image));
  }
  for (const name of names) await orca.run(['rm', name]);
  const what = 'killed container to the first 200 of its replacement';
  return {
    title: 'Replacement',
    how: 'A service with one replica, up for more than 10 s; its container is killed (SIGKILL, through Docker) and its domain asked over HTTPS until another container answers. Rounds alternate with `docker run -d -p`.',
    table: comparisonTable([{ what, ours, theirs, unit: 'ms', against: '`docker run -p`', aim: '≤ 1.5' }]),
  };
}

async function replaceMs(orca: Orca, name: string): Promise<number> {
  const domain = `${name}.localhost`;
  const [container] = await orca.containers({ 'orca.service': name });
  if (!container) throw new Error(`${name} has no container`);
  const before = (await orca.get(domain)).headers['x-host'];
  const began = performance.now();
  await dockerJson('POST', `/containers/${container.Id}/kill`);
  await firstAnswer(
    () => orca.get(domain),
    ({ status, headers }) => status === 200 && headers['x-host'] !== before,
  );
  return performance.now() - began;
}
