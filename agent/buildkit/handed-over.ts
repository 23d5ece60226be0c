/** A connection to Docker that stops being HTTP/1.1 and is handed over for HTTP/2, as Docker's `/grpc` and `/session` do. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { EngineError } from '../engine.js';

/** Docker takes it at once or never. */
const ANSWER_MS = 10_000;

/** `socketPath`: of Docker's socket. Rejects with an `EngineError`, or the signal's reason. */
export function handedOver(
  socketPath: string,
  path: string,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ socketPath, path, method: 'POST', timeout: ANSWER_MS, signal },
      headers: { host: 'docker', connection: 'Upgrade', upgrade: 'h2c', ...headers },
    });
    asked.on('upgrade', (_, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket as Socket);
    });
    asked.on('response', (response) => {
      response.resume();
      reject(new EngineError('refused', `Docker answered ${path} with ${response.statusCode}`));
    });
    asked.on('timeout', () => asked.destroy(new Error(`Docker did not answer ${path}`)));
    asked.on('error', (cause) =>
      reject(signal.aborted ? signal.reason : new EngineError('down', cause.message, cause)),
    );
    asked.end();
  });
}
