/** The service files that the benchmarks deploy, as a user would write them, and what it takes to be rid of them. */
import type { Orca } from '../test/support/orca.js';
import { waitFor } from '../test/support/wait-for.js';
import { APP_PORT, type BenchImage } from './images.js';

/** The domain under which a service of this name is served. */
export function domainOf(name: string): string {
  return `${name}.bench.test`;
}

export interface ServiceChoices {
  replicas?: number;
  /** What the Node app says in `x-release`; another one makes another release. */
  release?: string;
  /** Lines of TOML for `[service.deploy]`, and tables after them. */
  deploy?: string[];
}

/** One `[[service]]`. The two limits only shorten the clean-up, which isn't measured. */
export function serviceToml(name: string, image: BenchImage, choices: ServiceChoices = {}): string {
  const { replicas, release, deploy = [] } = choices;
  return `${[
    '[[service]]',
    `name = "${name}"`,
    `image = "${image.tag}"`,
    `port = ${APP_PORT}`,
    `domain = "${domainOf(name)}"`,
    ...(replicas === undefined ? [] : [`replicas = ${replicas}`]),
    ...(release === undefined ? [] : ['', '[service.env]', `RELEASE = "${release}"`]),
    '',
    '[service.deploy]',
    'drain_timeout_secs = 1',
    'stop_grace_secs = 1',
    ...deploy,
  ].join('\n')}\n`;
}

/** Runs the CLI to its end and answers what it printed; an error with both outputs when it ends with anything but 0. */
export async function runOrca(orca: Orca, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await orca.run(args);
  if (code !== 0) throw new Error(`orca ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Removes a service and waits until none of its containers is left. */
export async function removeService(orca: Orca, name: string): Promise<void> {
  await runOrca(orca, ['rm', name]);
  await waitFor(`${name} to be gone`, async () => {
    const left = await orca.containers({ 'orca.service': name });
    return left.length === 0 && (await orca.status()).services.every((service) => service.name !== name);
  });
}
