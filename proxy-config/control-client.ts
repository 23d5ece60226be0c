/** One question to a companion's control socket: a connection of its own, answered soon or an error that names it. */
import { connect } from 'node:net';

export interface Question {
  message: object;
  timeoutMs: number;
  /** The companion, as errors name it. */
  who: string;
}

/** Its answer as it came; rejects when it is silent or gone. */
export function exchange<T>(socketPath: string, { message, timeoutMs, who }: Question): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(new Error(`${who} does not answer`)), timeoutMs);
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`${who} closed the connection`));
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (!chunk.includes(10)) return;
      socket.destroy();
      resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as T);
    });
    socket.on('connect', () => socket.write(`${JSON.stringify(message)}\n`));
  });
}
