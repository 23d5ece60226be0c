/**
 * The Fastify application: every route of the table under /api/v1, /metrics at the root, one place where errors become
 * answers (`{ error, code, hint }`), and nothing without a token but /health and what hosts need
 * to join. It listens nowhere by itself: main hands `routing` to its listeners.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { OrcaError } from '../../shared/errors.js';
import type { Peer } from '../../shared/model.js';
import type { Store } from '../store/store.js';
import { acceptJson, leaveBodies } from './accept-json.js';
import { anything, ofCluster } from './access.js';
import type { Access, Caller } from './access-ports.js';
import { adoptRoutes } from './adopt-routes.js';
import { auditRoutes } from './audit-routes.js';
import { guessingLines } from './auth-metrics.js';
import { createAuthenticate } from './authenticate.js';
import { backupRoute } from './backup-route.js';
import { buildRoutes } from './build-routes.js';
import { certificateRoutes } from './certificate-routes.js';
import { clusterRoutes } from './cluster-routes.js';
import { deployRoutes } from './deploy-routes.js';
import { drainBody } from './drain-body.js';
import { addressOf, createGuard, type Guard, nobody } from './guard.js';
import { createGuessing, type Guessing } from './guessing.js';
import { hookRoutes } from './hook-routes.js';
import { joinRoutes } from './join-routes.js';
import { logsRoute } from './logs-route.js';
import { metricsOf } from './metrics.js';
import { mountNodeFiles, nodeFilePaths } from './node-files.js';
import { nodeRoutes } from './node-routes.js';
import { openapiOf } from './openapi.js';
import type {
  Actor,
  Adopt,
  Certificates,
  CleanUp,
  Commands,
  DeployKeys,
  Enrolment,
  Hooks,
  Live,
  NodeFiles,
  Registries,
  Secrets,
  Settings,
  UpgradeNode,
} from './ports.js';
import { registryRoutes } from './registry-routes.js';
import { rolloutRoutes } from './rollout-routes.js';
import { type Answer, answer, type Route, route } from './route.js';
import { secretRoutes } from './secret-routes.js';
import { asOrcaError, sendError } from './send-error.js';
import { serviceRoutes } from './service-routes.js';
import { tokenRoutes } from './token-routes.js';
import { createViews } from './views.js';
import { webhookLines } from './webhook-metrics.js';
import { webhookRoutes } from './webhook-routes.js';
import { whileGood } from './while-good.js';

export const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface ApiOptions {
  store: Store;
  commands: Commands;
  certificates: Certificates;
  secrets: Secrets;
  registries: Registries;
  deployKeys: DeployKeys;
  cleanUp: CleanUp;
  enrolment: Enrolment;
  hooks: Hooks;
  nodeFiles: NodeFiles;
  upgrade: UpgradeNode;
  live: Live;
  settings: () => Settings;
  access: Access;
  reload: () => Promise<string>;
  adopt: Adopt;
  /** The archive of a backup, as bytes. */
  backup: () => Promise<Readable>;
  /** Who is at the other end of a socket, by its client certificate. */
  peer: (socket: unknown) => Peer | null;
  /** Told of a socket whose request had a token that counts. */
  proved?: (socket: IncomingMessage['socket']) => void;
  log: FastifyBaseLogger;
}

export interface Api {
  /** Every path that needs to be allowed, for docs/tokens.md and its test. */
  routes: readonly Route[];
  routing: (request: IncomingMessage, response: ServerResponse) => void;
  app: FastifyInstance;
}

/** Builds the application, ready to answer. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const app = Fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    // Names of secrets and domains in paths are longer than Fastify's 100.
    routerOptions: { maxParamLength: 300 },
    // What is wrong with a path before there is a route for it.
    frameworkErrors: (error, request, reply) => void sendError(options.log, error, request, reply),
  });
  acceptJson(app);
  app.setNotFoundHandler((request) => {
    throw new OrcaError('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`);
  });
  const views = createViews(options.store, options.live, options.settings, options.certificates);
  const refused = new Map<string, number>();
  const guessing = createGuessing();
  const page = (): string =>
    metricsOf(views.status(null), views.traffic(), process.memoryUsage.rss()) +
    webhookLines(refused, options.store.openDeliveries()) +
    guessingLines(guessing, Date.now());
  const routes = allRoutes(options, { views, guessing, page }, hookRoutes(options.hooks, refused));
  const byPlace = new Map(routes.map((one) => [`${one.method} ${urlOf(one)}`, one]));
  const routeOf = ({ method, routeOptions: { url } }: FastifyRequest): Route | null =>
    byPlace.get(`${method === 'HEAD' ? 'GET' : method} ${url}`) ?? null;
  const authenticate = createAuthenticate({
    ...options.access,
    guessing,
    store: options.store,
    nowMs: Date.now,
  });
  const guard = createGuard(options.access, authenticate, routeOf);
  app.setErrorHandler(async (error, request, reply) => {
    const shown = asOrcaError(error);
    guard.refused(request, shown);
    if (shown.code === 'BODY_TOO_LARGE') await drainBody(request.raw);
    return sendError(options.log, error, request, reply);
  });
  app.addHook('onRequest', async (request) => {
    if (isNodeFile(request) || routeOf(request)?.touches.what === 'open') return;
    guard.admit(request);
    options.proved?.(request.raw.socket);
  });
  for (const one of routes) if (!one.raw) mount(app, one, guard, options);
  await app.register(async (scope) => {
    leaveBodies(scope);
    for (const one of routes) if (one.raw) mount(scope, one, guard, options);
  });
  mountNodeFiles(app, options.nodeFiles);
  await app.ready();
  return { app, routes, routing: (request, response) => app.routing(request, response) };
}

interface Parts {
  views: ReturnType<typeof createViews>;
  guessing: Guessing;
  /** Of the metrics. */
  page: () => string;
}

function allRoutes(options: ApiOptions, { views, guessing, page }: Parts, hooks: Route[]): Route[] {
  const { store, commands, live, settings, reload } = options;
  const routes = [
    ...clusterRoutes({ store, views, settings, reload }),
    ...nodeRoutes(commands, options.upgrade),
    ...deployRoutes(store, commands, options.certificates, settings),
    ...certificateRoutes(options.certificates, views),
    ...serviceRoutes(store, commands),
    ...secretRoutes(store, options.secrets, commands),
    ...registryRoutes(options.registries),
    ...rolloutRoutes(store, commands),
    ...joinRoutes(store, options.enrolment, views),
    ...webhookRoutes(store, options.hooks),
    ...hooks,
    ...buildRoutes(store, commands, live, options),
    logsRoute(store, live),
    ...adoptRoutes(options.adopt, (id) => store.node(id)?.facts.name ?? id),
    backupRoute(store, options.backup),
    ...tokenRoutes(options.access.tokens, guessing, () => settings().cluster_name),
    ...auditRoutes(store, options.access.audit),
    metricsRoute(page),
  ];
  const document: Route = route('GET /openapi.json', {
    summary: 'This document',
    touches: anything,
    run: () =>
      answer(
        openapiOf(
          [...routes, document].filter(({ isRoot }) => !isRoot),
          settings().version,
        ),
      ),
  });
  return [...routes, document];
}

/** At the root, where Prometheus looks. */
const metricsRoute = (page: () => string): Route => ({
  ...route('GET /metrics', {
    summary: 'Figures of the cluster, for Prometheus',
    touches: ofCluster('read', 'the figures of every project'),
    run: () => ({ kind: 'text', type: 'text/plain; version=0.0.4', text: page() }),
  }),
  isRoot: true,
});

const isNodeFile = ({ method, routeOptions: { url } }: FastifyRequest): boolean =>
  (method === 'GET' || method === 'HEAD') && nodeFilePaths.some((path) => path === url);

const urlOf = ({ path, isRoot }: Route): string => (isRoot ? path : `/api/v1${path}`);

function mount(app: FastifyInstance, one: Route, guard: Guard, { peer, access }: ApiOptions): void {
  app.route({
    method: one.method,
    url: urlOf(one),
    bodyLimit: one.maxBody ?? MAX_BODY_BYTES,
    handler: async (request, reply) => {
      const gone = new AbortController();
      const caller = guard.callerOf(request);
      reply.raw.once('close', () => gone.abort());
      const call = {
        params: request.params as Record<string, string>,
        query: request.query,
        body: request.body,
        actor: actorOf(request, caller),
        holder: caller ?? nobody,
        expiresAtMs: caller?.expiresAtMs ?? null,
        raw: request.raw,
        whileGood: <T>(wait: () => Promise<T>) => whileGood(access.tokens, caller, gone, wait),
        from: { address: addressOf(request), peer: peer(request.raw.socket) },
        signal: gone.signal,
      };
      const given = await guard.run(one, request, call, () => one.run(call));
      // What goes on ends with the token that it was asked for with.
      if (caller && (given.kind === 'lines' || given.kind === 'bytes')) {
        const leave = access.tokens.attend(caller, () => {
          gone.abort();
          if (given.kind === 'bytes') given.stream.destroy(new Error('its token is good no more'));
        });
        reply.raw.once('close', leave);
      }
      return send(reply, given);
    },
  });
}

function send(reply: FastifyReply, given: Answer): FastifyReply {
  if (given.kind === 'data') return reply.code(given.status).send(given.data);
  if (given.kind === 'text') return reply.type(given.type ?? 'text/plain').send(given.text);
  if (given.kind === 'bytes') return reply.type(given.type).send(given.stream);
  return reply.type('application/x-ndjson').send(Readable.from(inLines(given.lines)));
}

async function* inLines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

function actorOf(request: FastifyRequest, caller: Caller | null): Actor {
  const isCli = /^orca/i.test(request.headers['user-agent'] ?? '');
  return { by: caller?.name ?? 'nobody', source: isCli ? 'cli' : 'api' };
}
