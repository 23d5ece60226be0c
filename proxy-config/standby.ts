/**
 * The standby of a companion (told here for the resolver): a child that holds its sockets open and does nothing. When the resolver dies, whatever
 * killed it, it becomes the next one, on the same sockets: what Caddy asks meanwhile waits in their queues for
 * the moment a start takes, and no lookup is refused. Without it every lookup would be refused until the agent noticed,
 * and a POST, which is never sent twice, would be lost.
 *
 * It is `/bin/sh`, since a second Node would cost 40 MB: it waits for a line on a pipe whose other end only the resolver
 * has. The end of the pipe means that the resolver died; a line, that it was told to stop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';

export interface Standby {
  /** Lets it go: no resolver follows this one. Resolves when it has ended. */
  release(): Promise<void>;
}

/** Where a resolver that follows another one finds its sockets: file descriptors that it was started with, in the order of
 *  {@link startStandby}. */
export const INHERITED = { srvTcp: 3, dnsUdp: 4, sorry: 5, certificates: 6 } as const;

/** The last argument of a companion that takes over inherited sockets. */
export const INHERIT_FLAG = '--inherit';

const WAIT_AND_BECOME = 'read -r line || exec "$@"';
const AGAIN_MS = 1_000;

/** Starts a standby that would run `command` (program and arguments) with these sockets as descriptors from 3 on, and another
 *  one whenever it dies. */
export function startStandby(command: readonly string[], sockets: readonly (Server | UdpSocket)[]): Standby {
  const fds = sockets.map(descriptorOf);
  let isReleased = false;
  let child = spawnStandby(command, fds);
  const watch = (): void => {
    child.once('error', () => {});
    child.once('close', () => {
      if (isReleased) return;
      setTimeout(() => {
        if (isReleased) return;
        child = spawnStandby(command, fds);
        watch();
      }, AGAIN_MS).unref();
    });
  };
  watch();
  return {
    async release() {
      isReleased = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.stdin?.end('\n');
      await closed;
    },
  };
}

function spawnStandby(command: readonly string[], fds: readonly number[]): ChildProcess {
  const child = spawn('/bin/sh', ['-c', WAIT_AND_BECOME, 'orca-standby', ...command], {
    stdio: ['pipe', 'inherit', 'inherit', ...fds],
  });
  child.stdin?.on('error', () => {});
  child.unref();
  return child;
}

/** Node takes descriptors of others to listen on (`listen({ fd })`), but tells those of its own only on its handle. */
function descriptorOf(listening: Server | UdpSocket): number {
  const fd = (listening as unknown as { _handle?: { fd?: unknown } })._handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw new Error('a listening socket has no file descriptor');
  return fd;
}
