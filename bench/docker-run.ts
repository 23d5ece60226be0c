/**
 * What Orca is measured against: `docker run` as a user types it, to the first 200 of the same image. The host port is chosen
 * beforehand, which spares Docker's side the `docker port` that a user would need. The port is asked once the command has
 * returned: docker-proxy accepts before the container's network is up, and a connection of that moment stalls for a second.
 */
import { freePorts } from '../test/support/free-port.js';
import { runCommand } from './command.js';
import { containerEvents } from './docker-events.js';
import { firstAnswer, now } from './first-answer.js';
import { APP_PORT, type BenchImage } from './images.js';

export interface DockerRun {
  /** From the start of the command, in milliseconds. */
  totalMs: number;
  createdMs: number;
  startedMs: number;
}

/** Runs one container to its first 200, and removes it. */
export async function dockerRun(image: BenchImage, name: string): Promise<DockerRun> {
  const [port = 0] = await freePorts(1);
  const startMs = now();
  const publish = `127.0.0.1:${port}:${APP_PORT}`;
  try {
    await runCommand('docker', ['run', '-d', '--name', name, '-p', publish, image.tag]);
    const answeredMs = await firstAnswer({ port, tls: null });
    const at = await containerEvents(startMs, ({ container }) => container === name);
    return {
      totalMs: answeredMs - startMs,
      createdMs: (at.create ?? Number.NaN) - startMs,
      startedMs: (at.start ?? Number.NaN) - startMs,
    };
  } finally {
    await runCommand('docker', ['rm', '-f', '-v', name]);
  }
}
