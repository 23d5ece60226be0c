/** Real parts for the ingress suites: a home, backends, a real Caddy and clients. Everything it starts, it ends. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type Agent, request } from 'node:https';
import type { AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Got, got } from 'got';
import { createIngress, type IngressRole } from '../../proxy-config/ingress.js';
import type { Ingress, Route, RoutedAllocation } from '../../proxy-config/route.js';
import type { Traffic } from '../../shared/protocol.js';
import { freePorts } from '../support/free-port.js';
import { plainRoute } from '../support/plain-route.js';
import { processesOf, signal } from '../support/processes.js';
import { fallbackCertificate, shopCertificate } from './ingress-certificates.js';

const run = promisify(execFile);

export const NODE_ID = 'node-1';
export const CADDY = process.env.ORCA_TEST_CADDY ?? 'auto';

export interface Edge {
  home: string;
  httpPort: number;
  httpsPort: number;
  role: IngressRole;
  logs: string[];
  /** Asks through Caddy's HTTPS port, by name; never throws for a status. */
  client: Got;
  /** An ingress of these routes on this edge's ports. */
  ingress(routes: Route[]): Ingress;
  apply(routes: Route[]): void;
  traffic(id: string): Traffic | undefined;
  pidOf(name: 'caddy' | 'resolver'): number;
  /** Stops the role and takes a new one, as a restart of the agent does. */
  restartRole(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the role on free ports in a home of its own. */
export async function startEdge(): Promise<Edge> {
  const home = mkdtempSync(join(tmpdir(), 'orca-ingress-'));
  chmodSync(home, 0o700);
  // Whatever ends the suite, nothing of this home outlives it.
  process.once('exit', () => {
    for (const { pid } of processesOf(home)) signal(pid, 'SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });
  const [httpPort = 0, httpsPort = 0] = await freePorts(2);
  const certificates = [shopCertificate];
  const logs: string[] = [];
  let revision = 0;
  const newRole = () =>
    createIngress({ home, nodeId: NODE_ID, onChange: () => {}, log: (m) => logs.push(m) });
  const edge: Edge = {
    home,
    httpPort,
    httpsPort,
    role: newRole(),
    logs,
    client: clientOf(httpsPort),
    ingress: (routes) => ({ httpPort, httpsPort, caddy: CADDY, routes, certificates, fallbackCertificate }),
    apply(routes) {
      revision += 1;
      edge.role.apply(edge.ingress(routes), revision);
    },
    traffic: (id) => edge.role.observed()?.traffic.find((fact) => fact.allocation === id),
    pidOf: (name) => JSON.parse(readFileSync(join(home, 'ingress', `${name}.pid`), 'utf8')).pid,
    async restartRole() {
      await edge.role.stop();
      edge.role = newRole();
    },
    async close() {
      await edge.role.shutdown();
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
  return edge;
}

/** A plain HTTP backend on a port of its own that answers with its name, or as `listener` does. */
export async function startBackend(name: string, listener?: RequestListener) {
  const server = createServer((request, response) => {
    if (listener) listener(request, response);
    else response.end(name);
  });
  server.keepAliveTimeout = 30_000;
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return { name, server, endpoint: { address: '127.0.0.1', port }, close: () => closeServer(server) };
}

export function anAllocation(id: string, port: number | null, over: Partial<RoutedAllocation> = {}) {
  const endpoint = port === null ? null : { address: '127.0.0.1', port };
  return { id, node: NODE_ID, group: 'stable', desired: 'routed', endpoint, ...over } as RoutedAllocation;
}

export function aRoute(over: Partial<Route> = {}): Route {
  return {
    service: 'shop/api',
    srvName: 'api.shop.orca',
    domains: ['shop.test'],
    paths: ['/*'],
    stripPrefix: null,
    ...plainRoute,
    allocations: [],
    ...over,
  };
}

/** Waits for a condition; rejects with its last value when it does not come to hold. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 15_000,
): Promise<NonNullable<T>> {
  const giveUpAtMs = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (value) return value as NonNullable<T>;
    if (Date.now() > giveUpAtMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Keeps a few keep-alive clients asking; every answer that is not 200 is a failure. */
export function startLoad(edge: Edge, method: 'GET' | 'POST' = 'GET') {
  const failed: string[] = [];
  let done = 0;
  let stopping = false;
  const worker = async () => {
    while (!stopping) {
      const reply = await edge
        .client('', { method })
        .catch((error: Error) => ({ statusCode: error.message }));
      done += 1;
      if (reply.statusCode !== 200) failed.push(String(reply.statusCode));
    }
  };
  const workers = Array.from({ length: 4 }, worker);
  return {
    count: () => done,
    async stop() {
      stopping = true;
      await Promise.all(workers);
      return { done, failed };
    },
  };
}

/** A GET or POST by Node's own client: quick, and it keeps its connection (got may end one whose answer it has read). */
export function ask(
  edge: Edge,
  agent: Agent,
  method: 'GET' | 'POST' = 'GET',
  headers: Record<string, string> = {},
) {
  const to = { host: '127.0.0.1', port: edge.httpsPort, servername: 'shop.test', rejectUnauthorized: false };
  return new Promise<{ status: number | undefined; body: string; headers: IncomingHttpHeaders }>(
    (resolve, reject) => {
      const options = { ...to, agent, method, headers: { host: 'shop.test', ...headers } };
      const sent = request(options, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body, headers: response.headers }));
      });
      sent.on('error', reject);
      sent.end(method === 'POST' ? 'x' : undefined);
    },
  );
}

/** curl to a name on this edge, for what Node's client can't do (h2, other names than those it dials). */
export async function curl(edge: Edge, url: string, ...args: string[]): Promise<string> {
  const to = (port: number) => ['--connect-to', `::127.0.0.1:${port}`];
  const { stdout } = await run(
    'curl',
    [
      '-sk',
      '--max-time',
      '20',
      // Of two that fit the first counts.
      ...args,
      ...to(url.startsWith('https') ? edge.httpsPort : edge.httpPort),
      url,
    ],
    {
      encoding: 'utf8',
    },
  );
  return stdout;
}

function clientOf(httpsPort: number): Got {
  return got.extend({
    prefixUrl: `https://shop.test:${httpsPort}`,
    dnsLookup: ((_name: string, options: unknown, callback: unknown) => {
      const done = (typeof options === 'function' ? options : callback) as (...args: unknown[]) => void;
      const all = typeof options === 'object' && options !== null && 'all' in options && options.all;
      if (all) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(null, '127.0.0.1', 4);
    }) as never,
    https: { rejectUnauthorized: false },
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { request: 20_000 },
  });
}

function listen(server: ReturnType<typeof createTcpServer> | Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
