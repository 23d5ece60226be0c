/**
 * The app inside the images that tests deploy: one file, Node's own modules only, any behaviour by environment.
 *
 * PORT (8080) · RELEASE (the `x-release` header) · START_DELAY_MS (listens late) · EXIT_CODE and EXIT_AFTER_MS (ends by
 * itself) · LOG_LINES (printed at start) · HEALTH=fail, or NEVER_READY=1 · ON_SIGTERM=exit|ignore|drain (exit at once is the
 * default) · FAIL_PERCENT, DELAY_MS (of what `/` answers). Paths: see `routes`. It refuses nothing: what it does not know is answered like `/`.
 */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { acceptEcho } from './echo-socket.js';
import { type InnerLoad, startInnerLoad } from './inner-load.js';

const env = process.env;
const release = env.RELEASE ?? 'none';
const state = {
  healthy: env.HEALTH !== 'fail',
  startedAtMs: Date.now(),
  answers: 0,
  load: null as InnerLoad | null,
};

type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<void>;

const routes: Record<string, Handler> = {
  '/slow': async (_request, response, query) => {
    const started = hostname();
    setTimeout(() => send(response, 200, `slow ${release} ${started}\n`), numberOf(query, 'ms', 1_500));
  },
  '/sse': async (request, response, query) => serverSentEvents(request, response, numberOf(query, 'ms', 200)),
  '/echo': async (request, response) => {
    const body = await bodyOf(request);
    const sha256 = createHash('sha256').update(body).digest('hex');
    json(response, { method: request.method, bytes: body.length, sha256 });
  },
  '/headers': async (request, response) => json(response, request.headers),
  '/env': async (_request, response) => json(response, process.env),
  '/argv': async (_request, response) => json(response, process.argv),
  '/url': async (request, response) => json(response, request.url),
  '/status': async (_request, response, query) => send(response, numberOf(query, 'code', 500), 'as asked\n'),
  '/bytes': async (_request, response, query) => send(response, 200, 'x'.repeat(numberOf(query, 'n', 1_024))),
  '/health': async (_request, response) =>
    send(response, state.healthy ? 200 : 503, state.healthy ? 'ok\n' : 'not healthy\n'),
  '/health/fail': async (_request, response) => {
    state.healthy = false;
    send(response, 200, 'failing from now on\n');
  },
  '/exit': async (_request, response, query) => {
    response.on('finish', () => process.exit(numberOf(query, 'code', 1)));
    send(response, 200, 'leaving\n');
  },
  '/log': async (_request, response, query) => {
    console.log(query.get('line') ?? 'a line');
    send(response, 200, 'logged\n');
  },
  '/lookup': async (_request, response, query) => {
    const found = await lookup(query.get('name') ?? '', { all: true }).catch((error: Error) => error.message);
    json(response, found);
  },
  '/fetch': async (_request, response, query) => {
    const got = await fetch(query.get('url') ?? '').catch((error: Error) => error);
    if (got instanceof Error) send(response, 502, `${got.message}\n`);
    else send(response, got.status, await got.text());
  },
  '/load/start': async (_request, response, query) => {
    const mix = { kept: numberOf(query, 'kept', 4), fresh: numberOf(query, 'fresh', 4) };
    state.load = startInnerLoad(query.get('url') ?? '', mix);
    send(response, 200, 'started\n');
  },
  '/load': async (_request, response) => json(response, state.load?.report() ?? null),
  '/load/stop': async (_request, response) => json(response, (await state.load?.stop()) ?? null),
  '/write': async (_request, response, query) => {
    appendFileSync(query.get('file') ?? '/tmp/file', query.get('text') ?? '');
    send(response, 200, 'written\n');
  },
  '/read': async (_request, response, query) =>
    send(response, 200, readFileSync(query.get('file') ?? '/tmp/file', 'utf8')),
};

function main(): void {
  for (let line = 1; line <= Number(env.LOG_LINES ?? 0); line += 1) console.log(`line ${line} of ${release}`);
  handleSigterm();
  if (env.EXIT_CODE !== undefined) {
    // Not on stderr: Docker keeps no order between the two streams.
    console.log(`giving up with ${env.EXIT_CODE}`);
    setTimeout(() => process.exit(Number(env.EXIT_CODE)), Number(env.EXIT_AFTER_MS ?? 0));
    if (env.EXIT_AFTER_MS === undefined) return;
  }
  if (env.NEVER_READY === '1') setInterval(() => console.log('still not ready'), 1_000);
  else setTimeout(listen, Number(env.START_DELAY_MS ?? 0));
}

function listen(): void {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://app');
    const handler = routes[url.pathname] ?? hello;
    handler(request, response, url.searchParams).catch((error: Error) =>
      send(response, 500, `${error.message}\n`),
    );
  });
  server.keepAliveTimeout = 75_000;
  server.on('upgrade', (request, socket) => acceptEcho(request, socket, release, hostname()));
  server.listen(Number(env.PORT ?? 8_080), '0.0.0.0', () => console.log(`listening, release ${release}`));
  process.on('SIGTERM', () => {
    if (env.ON_SIGTERM === 'drain') server.close(() => process.exit(0));
  });
}

function handleSigterm(): void {
  process.on('SIGTERM', () => {
    const how = env.ON_SIGTERM ?? 'exit';
    console.log(`SIGTERM: ${how}`);
    if (how === 'exit') process.exit(0);
  });
}

/** FAIL_PERCENT of the answers are 500, evenly; DELAY_MS before each. */
const hello: Handler = async (_request, response) => {
  state.answers += 1;
  const share = Number(env.FAIL_PERCENT ?? 0) / 100;
  const isFailing = Math.floor(state.answers * share) > Math.floor((state.answers - 1) * share);
  const answer = () => send(response, isFailing ? 500 : 200, `hello from ${release}\n`);
  setTimeout(answer, Number(env.DELAY_MS ?? 0));
};

function serverSentEvents(request: IncomingMessage, response: ServerResponse, everyMs: number): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-release': release,
    'x-host': hostname(),
  });
  let number = 0;
  const timer = setInterval(() => response.write(`data: ${release} ${++number}\n\n`), everyMs);
  request.on('close', () => clearInterval(timer));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function json(response: ServerResponse, value: unknown): void {
  send(response, 200, `${JSON.stringify(value)}\n`, 'application/json');
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  const headers = { 'content-type': type, 'x-release': release, 'x-host': hostname() };
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function numberOf(query: URLSearchParams, key: string, otherwise: number): number {
  return Number(query.get(key) ?? otherwise);
}

main();
