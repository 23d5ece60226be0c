/** Where the ingress keeps its things below the Orca home. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OrcaError } from '../shared/errors.js';

export interface IngressPaths {
  /** Of the resolver and the pid files. */
  directory: string;
  adminSocket: string;
  resolverSocket: string;
  resolverTable: string;
  /** The UDP port that the traffic log is received on. */
  trafficPort: string;
  /** Of the file by which clients are told to connect anew. */
  closing: string;
  bootConfig: string;
  xdg: string;
  autosave: string;
  storageRoot: string;
  caddyLog: string;
  caddyOut: string;
  caddyPid: string;
  resolverOut: string;
  resolverPid: string;
}

/** Longer paths don't fit in a socket address (108 bytes on Linux, 104 on macOS). */
const MAX_SOCKET_PATH = 100;

/** The paths below `home`; rejects a home whose sockets could not be opened. */
export function ingressPaths(home: string): IngressPaths {
  const directory = join(home, 'ingress');
  const xdg = join(directory, 'caddy');
  const paths = {
    directory,
    adminSocket: join(home, 'caddy.sock'),
    resolverSocket: join(directory, 'resolver.sock'),
    trafficPort: join(directory, 'traffic.json'),
    closing: join(directory, 'closing'),
    resolverTable: join(directory, 'resolver.json'),
    bootConfig: join(directory, 'boot.json'),
    xdg,
    autosave: join(xdg, 'caddy', 'autosave.json'),
    storageRoot: join(xdg, 'storage'),
    caddyLog: join(home, 'logs', 'caddy.log'),
    caddyOut: join(home, 'logs', 'caddy.out'),
    caddyPid: join(directory, 'caddy.pid'),
    resolverOut: join(home, 'logs', 'resolver.out'),
    resolverPid: join(directory, 'resolver.pid'),
  };
  const longest = Buffer.byteLength(paths.resolverSocket);
  if (longest > MAX_SOCKET_PATH) {
    throw new OrcaError(
      'CONFIG_INVALID',
      `the home ${home} is too long: a socket path in it has ${longest} bytes`,
      {
        hint: `Choose a --home that is at least ${longest - MAX_SOCKET_PATH} bytes shorter.`,
      },
    );
  }
  return paths;
}

/** Makes the folders, readable by their owner only. */
export function makeIngressFolders(home: string, paths: IngressPaths): void {
  for (const folder of [home, paths.directory, paths.closing, paths.xdg, join(home, 'logs')]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}
