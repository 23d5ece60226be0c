/**
 * An API of the tests' own, over real HTTPS with a CA of its own, and a home whose files lead to it. It answers what a
 * test tells it to, and remembers what it was asked.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { openAuthority } from '../../../master/authority.js';
import { MASTER_NAME } from '../../../shared/pinned-name.js';
import type { Made } from '../../support/a-certificate.js';

export interface Asked {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
  token: string | null;
}

/** `lines` is sent as newline-delimited JSON; `hold` leaves the answer open after them, `cut` breaks the connection. */
export interface FakeAnswer {
  status?: number;
  body?: unknown;
  lines?: unknown[];
  after?: 'end' | 'hold' | 'cut';
}

export interface FakeApi {
  home: string;
  url: string;
  asked: Asked[];
  /** Answers `METHOD /path`; a list is used up one by one, its last one stays. */
  on(route: string, ...answers: FakeAnswer[]): void;
  /** How many answers are held open. */
  open(): number;
  stop(): Promise<void>;
}

/** `own`: what it shows under any name but the master's, as an API with a domain does. */
export async function startFakeApi(own?: Made): Promise<FakeApi> {
  const home = mkdtempSync(join(tmpdir(), 'orca-cli-'));
  const authority = openAuthority(home, Date.now());
  const { certPem, keyPem } = authority.issueServer(['127.0.0.1', 'localhost', MASTER_NAME], Date.now());
  const answers = new Map<string, FakeAnswer[]>();
  const asked: Asked[] = [];
  const held = new Set<ServerResponse>();
  const context = own && createSecureContext(own);
  const shown: SecureContextOptions & TlsOptions = {
    ...{ cert: certPem + authority.caPem, key: keyPem },
    SNICallback: (name, done) => done(null, name === MASTER_NAME ? undefined : context),
  };
  const server = createServer(shown, (request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await read(request);
    asked.push(call);
    const list = answers.get(`${call.method} ${call.path}`) ?? [missing];
    const answer = (list.length > 1 ? list.shift() : list[0]) ?? missing;
    if (answer.after === 'hold') {
      held.add(response);
      response.on('close', () => held.delete(response));
    }
    await send(response, answer);
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(join(home, 'cluster.url'), `${url}\n`);
  writeFileSync(join(home, 'cluster.token'), 'the-token\n', { mode: 0o600 });
  return {
    home,
    url,
    asked,
    on: (route, ...list) => void answers.set(route, list),
    open: () => held.size,
    stop: async () => {
      await stopServer(server);
      rmSync(home, { recursive: true });
    },
  };
}

const missing: FakeAnswer = {
  status: 404,
  body: { error: 'no such path', code: 'NOT_FOUND', hint: 'Look elsewhere.' },
};

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url ?? '/', 'https://api');
  return {
    method: request.method ?? '',
    path: url.pathname.replace(/^\/api\/v1/, ''),
    query: Object.fromEntries(url.searchParams),
    body: text === '' ? null : JSON.parse(text),
    token: request.headers.authorization?.replace(/^Bearer /, '') ?? null,
  };
}

async function send(response: ServerResponse, answer: FakeAnswer): Promise<void> {
  const type = answer.lines ? 'application/x-ndjson' : 'application/json';
  response.writeHead(answer.status ?? 200, { 'content-type': type });
  for (const line of answer.lines ?? []) response.write(`${JSON.stringify(line)}\n`);
  if (answer.after === 'hold') return;
  if (answer.after === 'cut') {
    await new Promise((resolve) => response.write(' ', resolve));
    response.destroy();
  } else response.end(answer.lines ? '' : JSON.stringify(answer.body ?? {}));
}

async function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
