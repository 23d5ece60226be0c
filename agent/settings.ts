/** What `HOME/agent/agent.json` says, and where the agent's files are. Written by the master (its own node) or by `join`. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { messageOf, OrcaError } from '../shared/errors.js';
import { type IdentityPaths, identityPaths } from '../shared/identity-files.js';
import { checkOwnAddress } from '../shared/own-address.js';

const settingsSchema = z.object({
  nodeId: z.string().min(1),
  name: z.string().min(1),
  masterUrl: z.string().min(1),
  docker: z.string().default('unix:///var/run/docker.sock'),
  /** Where ports are published, for nodes that others must reach; null: Docker's default bridge. */
  advertise: z.string().nullable().default(null),
});
export type AgentSettings = z.infer<typeof settingsSchema>;

export interface AgentPaths {
  home: string;
  folder: string;
  lock: string;
  pid: string;
  credentials: IdentityPaths;
}

export function agentPaths(home: string): AgentPaths {
  const folder = join(resolve(home), 'agent');
  const at = (name: string): string => join(folder, name);
  const credentials = identityPaths(folder);
  return { home: resolve(home), folder, lock: at('agent.sock'), pid: at('agent.pid'), credentials };
}

/** Throws CONFIG_NOT_FOUND without the file, CONFIG_INVALID when it does not fit, USAGE when the address is gone. */
export async function readSettings(paths: AgentPaths): Promise<AgentSettings> {
  const path = join(paths.folder, 'agent.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const hint = 'Start the master with this home, or enrol this host with `orca join URL --token T`.';
    throw new OrcaError('CONFIG_NOT_FOUND', `${path}: ${messageOf(cause)}`, { cause, hint });
  });
  const settings = parsed(text, path);
  if (settings.advertise !== null) checkOwnAddress(settings.advertise, `"advertise" in ${path}`);
  return settings;
}

function parsed(text: string, path: string): AgentSettings {
  try {
    return settingsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OrcaError('CONFIG_INVALID', `${path}: ${messageOf(cause)}`, { cause });
  }
}
