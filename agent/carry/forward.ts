/** One request of Docker or of another node, handed on to a registry as it is, and its answer handed back. */
import { type Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { messageOf } from '../../shared/errors.js';

/** Of one connection to the next, and so not handed on (RFC 9110 7.6.1); and what proves who asks, to each its own. */
const OWN = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['authorization', 'host', 'expect'],
]);
/** A registry that says nothing for so long has gone. */
const IDLE_MS = 60_000;

export interface Upstream {
  path: string;
  /** A unix socket, or connections that the agent makes. */
  socketPath?: string;
  agent?: Agent;
}

/** Answers 502 with the reason when nothing has been said yet, and breaks the connection when something has: Docker then asks again. */
export function forward(
  incoming: IncomingMessage,
  answer: ServerResponse,
  { path, socketPath, agent }: Upstream,
  heard: { onBytes?: (bytes: number) => void; onStatus?: (status: number) => void } = {},
): void {
  const sent = request({
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(agent === undefined ? { agent: false } : { agent }),
    ...{ method: incoming.method, path, headers: { ...handedOn(incoming), host: 'registry' } },
  });
  sent.setTimeout(IDLE_MS, () => sent.destroy(new Error('it says nothing any more')));
  sent.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, handedOn(response));
    heard.onStatus?.(response.statusCode ?? 502);
    response.on('data', (chunk: Buffer) => heard.onBytes?.(chunk.length));
    pipeline(response, answer, () => undefined);
  });
  sent.on('error', (error) => refuse(answer, 502, messageOf(error)));
  answer.once('close', () => sent.destroy());
  pipeline(incoming, sent, () => undefined);
}

/** As registries say it, so that Docker shows the words. */
export function refuse(answer: ServerResponse, status: number, message: string): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  const code = status === 404 ? 'NAME_UNKNOWN' : status === 401 ? 'UNAUTHORIZED' : 'UNAVAILABLE';
  answer.writeHead(status, { 'content-type': 'application/json' });
  answer.end(JSON.stringify({ errors: [{ code, message }] }));
}

function handedOn({ headers }: IncomingMessage): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || OWN.has(name) ? [] : [[name, value]],
    ),
  );
}
