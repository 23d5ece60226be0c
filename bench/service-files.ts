/** The service files that the benchmarks deploy, as a user would write them, and what it takes to be rid of them. */
import type { Orca } from '../test/support/orca.js';
import { waitFor } from '../test/support/wait-for.js';
import { APP_PORT, type BenchImage } from './images.js';

/** The domain under which a service of this name is served. */
export function domainOf(name: string): string {
  return `${name}.bench.test`;
}

/** One `[[service]]`. The two limits only shorten the clean-up, which isn't measured. */
export function serviceToml(name: string, image: BenchImage): string {
  return `[[service]]
name = "${name}"
image = "${image.tag}"
port = ${APP_PORT}
domain = "${domainOf(name)}"

[service.deploy]
drain_timeout_secs = 1
stop_grace_secs = 1
`;
}

/** Removes a service and waits until none of its containers is left. */
export async function removeService(orca: Orca, name: string): Promise<void> {
  const { code, stdout, stderr } = await orca.run(['rm', name]);
  if (code !== 0) throw new Error(`orca rm ${name} ended with ${code}\n${stdout}${stderr}`);
  await waitFor(`${name} to be gone`, async () => {
    const left = await orca.containers({ 'orca.service': name });
    return left.length === 0 && (await orca.status()).services.every((service) => service.name !== name);
  });
}
