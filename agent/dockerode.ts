/**
 * Loads dockerode, the only place that does. Its gRPC session (for BuildKit) and its SSH transport are left out: Orca uses
 * neither, and together they are 11 MB of every agent's memory.
 */
import { createRequire } from 'node:module';
import type Dockerode from 'dockerode';

export type Docker = Dockerode;
export type DockerContainerOptions = Dockerode.ContainerCreateOptions;

/** `socket`: `unix:///path`, or a path. Nothing is connected yet. */
export function openDocker(socket: string): Docker {
  const require = createRequire(import.meta.url);
  const inDockerode = createRequire(require.resolve('dockerode'));
  leaveOut(require, 'dockerode/lib/session.js');
  leaveOut(inDockerode, 'docker-modem/lib/ssh.js');
  const Client = require('dockerode') as new (options: Dockerode.DockerOptions) => Docker;
  return new Client({ socketPath: socket.replace(/^unix:\/\//, '') });
}

function leaveOut(require: NodeJS.Require, name: string): void {
  const id = require.resolve(name);
  if (require.cache[id]) return;
  const exports = (): never => {
    throw new Error(`${name} is left out of Orca`);
  };
  const left: Partial<NodeJS.Module> = { id, filename: id, loaded: true, exports, children: [], paths: [] };
  require.cache[id] = left as NodeJS.Module;
}
