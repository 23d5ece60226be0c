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
import { adoptRoutes } from './adopt-routes.js';
import { authenticate, authorize, type KnownToken } from './authenticate.js';
import { backupRoute } from './backup-route.js';
import { buildRoutes } from './build-routes.js';
import { certificateRoutes } from './certificate-routes.js';
import { clusterRoutes } from './cluster-routes.js';
import { deployRoutes } from './deploy-routes.js';
import { drainBody } from './drain-body.js';
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
  Secrets,
  Settings,
  UpgradeNode,
} from './ports.js';
import { rolloutRoutes } from './rollout-routes.js';
import { type Answer, answer, type Route, route } from './route.js';
import { secretRoutes } from './secret-routes.js';
import { serviceRoutes } from './service-routes.js';
import { createViews } from './views.js';
import { webhookLines } from './webhook-metrics.js';
import { webhookRoutes } from './webhook-routes.js';

export const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface ApiOptions {
  store: Store;
  commands: Commands;
  certificates: Certificates;
  secrets: Secrets;
  deployKeys: DeployKeys;
  cleanUp: CleanUp;
  enrolment: Enrolment;
  hooks: Hooks;
  nodeFiles: NodeFiles;
  upgrade: UpgradeNode;
  live: Live;
  settings: () => Settings;
  /** Read anew at each request: a reload may change them. */
  tokens: () => readonly KnownToken[];
  reload: () => Promise<string>;
  adopt: Adopt;
  /** The archive of a backup, as bytes. */
  backup: () => Promise<Readable>;
  /** Who is at the other end of a socket, by its client certificate. */
  peer: (socket: unknown) => Peer | null;
  log: FastifyBaseLogger;
}

export interface Api {
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
  });
  acceptJson(app);
  app.setErrorHandler(async (error, request, reply) => {
    if (asOrcaError(error).code === 'BODY_TOO_LARGE') await drainBody(request.raw);
    return sendError(options.log, error, request, reply);
  });
  app.setNotFoundHandler((request) => {
    throw new OrcaError('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`);
  });
  const callers = new WeakMap<FastifyRequest, KnownToken>();
  const views = createViews(options.store, options.live, options.settings, options.certificates);
  const refused = new Map<string, number>();
  const routes = allRoutes(options, views, hookRoutes(options.hooks, refused));
  const open = new Set([
    ...routes.filter((r) => r.access === 'open').map((r) => `${r.method} /api/v1${r.path}`),
    ...nodeFilePaths.map((path) => `GET ${path}`),
  ]);
  app.addHook('onRequest', async (request) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (open.has(`${method} ${request.routeOptions.url}`)) return;
    callers.set(request, authenticate(request.headers.authorization, options.tokens()));
  });
  for (const one of routes) if (!one.raw) mount(app, one, callers, options.peer);
  await app.register(async (scope) => {
    leaveBodies(scope);
    for (const one of routes) if (one.raw) mount(scope, one, callers, options.peer);
  });
  app.get('/metrics', (_, reply) => {
    reply.type('text/plain; version=0.0.4');
    const page = metricsOf(views.status(null), views.traffic(), process.memoryUsage.rss());
    return page + webhookLines(refused, options.store.openDeliveries());
  });
  mountNodeFiles(app, options.nodeFiles);
  await app.ready();
  return { app, routing: (request, response) => app.routing(request, response) };
}

function allRoutes(options: ApiOptions, views: ReturnType<typeof createViews>, hooks: Route[]): Route[] {
  const { store, commands, live, settings, reload } = options;
  const routes = [
    ...clusterRoutes({ store, views, settings, reload }),
    ...nodeRoutes(commands, options.upgrade),
    ...deployRoutes(store, commands, options.certificates, () => options.settings().domain),
    ...certificateRoutes(options.certificates, views),
    ...serviceRoutes(store, commands),
    ...secretRoutes(store, options.secrets, commands),
    ...rolloutRoutes(store, commands),
    ...joinRoutes(store, options.enrolment, views),
    ...webhookRoutes(store, options.hooks),
    ...hooks,
    ...buildRoutes(store, commands, live, options),
    logsRoute(store, live),
    ...adoptRoutes(options.adopt, (id) => store.node(id)?.facts.name ?? id),
    backupRoute(store, options.backup),
  ];
  const document: Route = route('GET /openapi.json', {
    summary: 'This document',
    run: () => answer(openapiOf([...routes, document], settings().version)),
  });
  return [...routes, document];
}

function mount(
  app: FastifyInstance,
  one: Route,
  callers: WeakMap<FastifyRequest, KnownToken>,
  peer: ApiOptions['peer'],
): void {
  app.route({
    method: one.method,
    url: `/api/v1${one.path}`,
    bodyLimit: one.maxBody ?? MAX_BODY_BYTES,
    handler: async (request, reply) => {
      const caller = callers.get(request);
      if (caller) authorize(caller, one.changes && one.path !== '/plan', one.access === 'admin');
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const given = await one.run({
        params: request.params as Record<string, string>,
        query: request.query,
        body: request.body,
        actor: actorOf(request, caller),
        raw: request.raw,
        from: { address: request.ip, peer: peer(request.raw.socket) },
        signal: gone.signal,
      });
      return send(reply, given);
    },
  });
}

function send(reply: FastifyReply, given: Answer): FastifyReply {
  if (given.kind === 'data') return reply.code(given.status).send(given.data);
  if (given.kind === 'text') return reply.type('text/plain').send(given.text);
  if (given.kind === 'bytes') return reply.type(given.type).send(given.stream);
  return reply.type('application/x-ndjson').send(Readable.from(inLines(given.lines)));
}

async function* inLines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

function actorOf(request: FastifyRequest, caller: KnownToken | undefined): Actor {
  const isCli = /^orca/i.test(request.headers['user-agent'] ?? '');
  return { by: caller?.name ?? 'nobody', source: isCli ? 'cli' : 'api' };
}

/** A body is JSON whatever its Content-Type says, and may be empty (clients of the Rust Orca do both). */
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, text, done) => {
    try {
      done(null, text === '' ? null : JSON.parse(text.toString()));
    } catch (cause) {
      done(new OrcaError('BODY_INVALID', 'the body is not JSON', { cause }));
    }
  });
}

/** Nobody reads a body before its handler does. */
function leaveBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_, __, done) => done(null, undefined));
}

function sendError(
  log: FastifyBaseLogger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const shown = asOrcaError(error);
  if (shown.code === 'INTERNAL') log.error({ err: error, url: request.url }, 'a request failed');
  const details = shown.details === null ? {} : { details: shown.details };
  const isDeploy = request.url.startsWith('/api/v1/deploy');
  return reply.code(shown.status).send({
    error: shown.message,
    code: shown.code,
    hint: shown.hint,
    ...details,
    // Where clients look for what came of a deploy.
    ...(isDeploy
      ? {
          deployed: [],
          errors: [{ service: '', error: shown.message, code: shown.code, hint: shown.hint }],
          rollouts: [],
        }
      : {}),
  });
}

function asOrcaError(error: unknown): OrcaError {
  if (error instanceof OrcaError) return error;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new OrcaError(
      'BODY_TOO_LARGE',
      'the body is larger than 4 MiB, or than 32 KiB where no token is needed',
    );
  // A media type that is none (415) is refused before anything is read.
  if ((statusCode === 400 || statusCode === 415) && error instanceof Error)
    return new OrcaError('BODY_INVALID', error.message, { cause: error });
  return new OrcaError('INTERNAL', 'the master could not do that; its log says why', { cause: error });
}
