/**
 * A host of a test bed that becomes a node by the one line of docs/nodes.md: piped from curl, with nothing of this checkout,
 * and, unless `hasNode`, with a PATH without Node.
 */
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from './orca.js';
import type { BedHost } from './testbed.js';

export interface JoiningHost {
  host: BedHost;
  home: string;
  /** The line; `more` are further options, `env` over the bare environment. */
  join(token: string, more?: string[], env?: NodeJS.ProcessEnv): Promise<Outcome>;
  uninstall(): Promise<Outcome>;
  /** What of Orca there is beside the host's own things. */
  traces(): string[];
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export function joiningHost(host: BedHost, master: string, path: string): JoiningHost {
  const home = `${host.folder}/node/orca`;
  const before = new Set(readdirSync(host.folder));
  const run = (script: string, args: string[], env: NodeJS.ProcessEnv): Promise<Outcome> =>
    finished(host.spawn(['sh', '-c', script, ...args], { cwd: '/', env: { PATH: path, ...env } }));
  return {
    host,
    home,
    join(token, more = [], env = {}) {
      const line = `curl -fsSk ${master}/install.sh | sh -s -- --join ${master} "$@"`;
      const given = token === '' ? [] : ['--token', token];
      return run(line, ['sh', ...given, '--home', home, '--docker', host.docker, ...more], env);
    },
    uninstall: () => run(`sh ${home}/program/install.sh --uninstall --home "$0"`, [home], {}),
    traces() {
      const parent = existsSync(dirname(home)) ? readdirSync(dirname(home)) : [];
      return [...parent, ...readdirSync(host.folder)].filter((name) => !before.has(name) && name !== 'node');
    },
  };
}

/** A folder with every program of this machine but Node's. */
export function pathWithoutNode(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const from of ['/usr/sbin', '/usr/bin', '/sbin', '/bin'])
    for (const name of readdirSync(from))
      if (!/^(node|nodejs|npm|npx|corepack|orca)$/.test(name) && !existsSync(`${folder}/${name}`))
        symlinkIfFree(`${from}/${name}`, `${folder}/${name}`);
  return folder;
}

function symlinkIfFree(to: string, at: string): void {
  try {
    symlinkSync(to, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
