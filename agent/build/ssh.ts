/**
 * How git gets to a repository over ssh: a configuration file of the build's own, with the deploy key on a tmpfs, no agent and no other key, and
 * host keys that are always checked. Those that are shipped count as published; any other is pinned when it is first seen, in a file of the node's,
 * and from then on nothing else is taken for that host.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED_HOSTS } from './known-hosts.js';

export interface SshPlace {
  /** Of this build alone. */
  folder: string;
  /** What was pinned on this node; outlives builds. */
  pinned: string;
  /** The private key's file. */
  key: string;
}

/** The environment that makes git use it. */
export async function sshEnvironment({ folder, pinned, key }: SshPlace): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const shipped = join(folder, 'known_hosts');
  const config = join(folder, 'ssh_config');
  await writeFile(shipped, `${SHIPPED_HOSTS.join('\n')}\n`, { mode: 0o600 });
  const lines = [
    ['IdentityFile', quoted(key)],
    ['IdentitiesOnly', 'yes'],
    ['IdentityAgent', 'none'],
    ['BatchMode', 'yes'],
    ['PreferredAuthentications', 'publickey'],
    ['StrictHostKeyChecking', 'accept-new'],
    ['HashKnownHosts', 'no'],
    ['UpdateHostKeys', 'no'],
    ['UserKnownHostsFile', quoted(pinned)],
    ['GlobalKnownHostsFile', quoted(shipped)],
    ['ForwardAgent', 'no'],
    ['ControlMaster', 'no'],
    ['ConnectTimeout', '20'],
    ['ServerAliveInterval', '15'],
    ['ServerAliveCountMax', '4'],
  ];
  await writeFile(config, `Host *\n${lines.map((line) => `  ${line.join(' ')}\n`).join('')}`, {
    mode: 0o600,
  });
  // Git hands this to a shell: nothing of anybody's stands in it, the path is the shell's to look up.
  return { GIT_SSH_COMMAND: 'ssh -F "$ORCA_SSH_CONFIG"', GIT_SSH_VARIANT: 'ssh', ORCA_SSH_CONFIG: config };
}

/** As ssh_config(5) takes a path: in quotes, with its tokens doubled. */
const quoted = (path: string): string => `"${path.replaceAll('%', '%%')}"`;

/** `host SHA256:…` of every key that is pinned in the file. */
export async function pinnedKeys(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [host, type, key] = line.split(' ');
    return host && type && key ? [`${host} ${type} ${fingerprintOf(key)}`] : [];
  });
}

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(key: string): string {
  const hash = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64');
  return `SHA256:${hash.replace(/=+$/, '')}`;
}
