/** `orca deploy` of one replica of a cached image to its first 200 through HTTPS, against `docker run` to its first 200. */
import type { Orca } from '../test/support/orca.js';
import { serviceToml } from '../test/support/service-toml.js';
import { dockerRunMs, firstAnswer } from './docker-run.js';
import { comparisonTable, type Section } from './table.js';

export async function benchDeploy(orca: Orca, image: string, rounds: number): Promise<Section> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await deployMs(orca, image, `d${round}`));
    theirs.push(await dockerRunMs(image));
  }
  const what = 'deploy of a new service to its first 200 over HTTPS';
  return {
    title: 'Deploy',
    how: 'The command is run as a user does, so Node’s own start is in it. Each round is a service with a new name and domain: nothing of it is warm but the image. No readiness probe is configured (the port accepts). Rounds alternate with `docker run -d -p` of the same image.',
    table: comparisonTable([{ what, ours, theirs, unit: 'ms', against: '`docker run -p`', aim: '≤ 1.5' }]),
  };
}

async function deployMs(orca: Orca, image: string, name: string): Promise<number> {
  const domain = `${name}.localhost`;
  orca.write(`${name}/service.toml`, serviceToml({ name, image, domain, readiness: [] }));
  const began = performance.now();
  const finished = orca.run(['deploy', '-f', `${name}/service.toml`]);
  await firstAnswer(
    () => orca.get(domain),
    ({ status }) => status === 200,
  );
  const tookMs = performance.now() - began;
  const { code, stderr } = await finished;
  if (code !== 0) throw new Error(stderr);
  await orca.run(['rm', name]);
  return tookMs;
}
