/**
 * Requests of the API over Node's own client: a library for it takes longer to load than most commands take. Every status is an answer, nothing is
 * tried again, no redirect is followed. Each step on the way (name, connection, handshake) has 5 s; failures are Node's own errors.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

export interface Http {
  headers: Record<string, string>;
  /** Whom it trusts over TLS, what it shows of itself, and the agent that keeps its connection. */
  tls: Pick<RequestOptions, 'agent' | 'ca' | 'cert' | 'key' | 'servername'>;
}

export interface Asked {
  url: string;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  json?: unknown;
  signal?: AbortSignal;
  /** How long an answer may take to begin; without it, for ever. */
  answerMs?: number;
}

const STEP_MS = 5_000;

/** The answer once its head is there; its body is still to be read. */
export function send(
  { headers, tls }: Http,
  { url, json, answerMs, ...how }: Asked,
  stepMs = STEP_MS,
): Promise<IncomingMessage> {
  const body = json === undefined ? undefined : JSON.stringify(json);
  const ofBody = body === undefined ? {} : { 'content-type': 'application/json' };
  const options = { ...how, headers: { ...headers, ...ofBody } };
  const isTls = url.startsWith('https:');
  const request = isTls ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options);
  limitSteps(request, isTls, stepMs);
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', resolve);
    if (answerMs !== undefined) limitAnswer(request, answerMs);
    request.end(body);
  });
}

/** Its whole body. */
export async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

function limitSteps(request: ClientRequest, isTls: boolean, stepMs: number): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    let timer: NodeJS.Timeout;
    const begin = (step: string): void => {
      clearTimeout(timer);
      timer = setTimeout(() => request.destroy(new Error(`timeout of ${stepMs} ms: ${step}`)), stepMs);
    };
    begin('lookup');
    socket.on('lookup', () => begin('connect'));
    const end = (): void => clearTimeout(timer);
    if (isTls) socket.once('connect', () => begin('TLS handshake'));
    socket.once(isTls ? 'secureConnect' : 'connect', end);
    request.once('close', end);
  });
}

function limitAnswer(request: ClientRequest, answerMs: number): void {
  const timer = setTimeout(
    () => request.destroy(new Error(`timeout of ${answerMs} ms: no answer`)),
    answerMs,
  );
  request.once('response', () => clearTimeout(timer));
  request.once('close', () => clearTimeout(timer));
}
