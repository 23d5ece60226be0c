/** `[registry]` of cluster.toml: where images that were only built or loaded on a node are pushed, and pulled from. */
import * as z from 'zod';
import { readRegistryHost } from '../registry-host.js';
import { text } from './fields.js';
import { shown } from './limits.js';

const host = text((value) =>
  readRegistryHost(value) === null
    ? `must be the host of a registry as images name it, such as "registry.example.com:5000"; it is ${shown(value)}`
    : null,
);

/** A path of repository names (the distribution spec's grammar, lower case). */
const repository = text((value) =>
  /^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/.test(value) && value.length <= 100
    ? null
    : `must be a path of lower case names, such as "team/orca"; it is ${shown(value)}`,
);

export const registrySchema = z.strictObject({ host, repository: repository.optional() });

/** `registry.example.com:5000/orca`; null: there is none. */
export function imagesPrefix(registry: z.output<typeof registrySchema> | undefined): string | null {
  const at = registry === undefined ? null : readRegistryHost(registry.host);
  return at === null ? null : `${at}/${registry?.repository ?? 'orca'}`;
}
