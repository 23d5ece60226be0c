/** What everything is measured against: `docker run -p`, from the command to the first 200. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { dockerCall, testDocker } from '../test/support/docker.js';
import { freePorts } from '../test/support/free-port.js';

/** Milliseconds from starting the command to the first 200 of the published port. Removes the container. */
export async function dockerRunMs(image: string): Promise<number> {
  const [port = 0] = await freePorts(1);
  const name = `orca-bench-${port}`;
  const began = performance.now();
  const args = ['-H', testDocker(), 'run', '-d', '--name', name, '-p', `127.0.0.1:${port}:8080`, image];
  const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'close');
  await firstAnswer(
    () => plainStatus(port),
    (status) => status === 200,
  );
  const tookMs = performance.now() - began;
  await ended;
  await dockerCall('DELETE', `/containers/${name}?force=true`);
  return tookMs;
}

/** Asks every 5 ms, a connection each, until `holds`; a broken connection is no answer. */
export async function firstAnswer<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const deadlineMs = performance.now() + 60_000;
  while (performance.now() < deadlineMs) {
    const answer = await ask().catch(() => null);
    if (answer !== null && holds(answer)) return answer;
    await pause(5);
  }
  throw new Error('no answer within 60 s');
}

function plainStatus(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.setTimeout(1_000, () => request.destroy(new Error('silent')));
    request.on('error', reject);
  });
}
