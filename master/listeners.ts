/** The sockets of the API: HTTPS with the cluster CA's certificate, and plain HTTP on the loopback when asked for. */
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { OrcaError } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import type { Peer } from '../shared/model.js';
import { ofOneConnection } from '../shared/of-one-connection.js';
import { MASTER_NAME } from '../shared/pinned-name.js';
import type { Authority } from './authority.js';
import type { Crowd } from './crowd.js';
import type { HostPort, MasterSettings } from './settings.js';

/** Node looks for requests that take too long this often; its own 30 s would prolong every limit by as much. */
const LOOK_MS = 5_000;
const HANDSHAKE_MS = 10_000;
const RENEW_EVERY_MS = 12 * 3_600_000;

/** The certificate that the API shows to who asks for `name`, when that is the cluster's domain and has a better one than the
 *  cluster's own; else null. */
export type OwnName = (name: string) => { certPem: string; keyPem: string } | null;

export interface ListenParts {
  ownName: OwnName;
  crowd: Crowd;
  peer: (socket: unknown) => Peer | null;
  log: Log;
}

/** Listens for HTTPS; client certificates are asked for and judged later (browsers and the CLI have none). */
export async function listenTls(
  settings: MasterSettings,
  authority: Authority,
  routing: RequestListener,
  { ownName, crowd, peer, log }: ListenParts,
): Promise<TlsServer> {
  const context = () => {
    const { certPem, keyPem } = authority.issueServer(namesOf(settings), Date.now());
    return { cert: certPem + authority.caPem, key: keyPem, ca: authority.caPem };
  };
  let known: { certPem: string; context: SecureContext } | null = null;
  /** Of the API's own name, once it has a certificate of a public CA; undefined: the cluster's. */
  const publicContext = (name: string): SecureContext | undefined => {
    const found = ownName(name.toLowerCase());
    if (found === null) return undefined;
    const { certPem, keyPem } = found;
    if (known?.certPem !== certPem)
      known = { certPem, context: createSecureContext({ cert: certPem, key: keyPem }) };
    return known.context;
  };
  const server = createServer(
    {
      ...context(),
      ...{ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' as const },
      ...{ handshakeTimeout: HANDSHAKE_MS, connectionsCheckingInterval: LOOK_MS },
      SNICallback: ofOneConnection(
        log,
        (name: string, done: (error: Error | null, context?: SecureContext) => void) =>
          done(null, publicContext(name)),
        (_, done) => done(new Error('the certificate of that name can not be used')),
      ),
    },
    routing,
  );
  crowd.watch(server);
  // Nodes keep their sessions for days.
  server.on(
    'secureConnection',
    ofOneConnection(
      log,
      (socket: TLSSocket) => {
        if (peer(socket) !== null) crowd.proved(socket);
      },
      (socket) => socket.destroy(),
    ),
  );
  const renewal = setInterval(() => server.setSecureContext(context()), RENEW_EVERY_MS).unref();
  server.once('close', () => clearInterval(renewal));
  await listening(server, settings.listen, '--listen');
  return server;
}

/** Null where no address is given. */
export async function listenPlain(
  at: HostPort | null,
  routing: RequestListener,
  crowd: Crowd,
): Promise<Server | null> {
  if (at === null) return null;
  const server = createPlainServer({ connectionsCheckingInterval: LOOK_MS }, routing);
  crowd.watch(server);
  await listening(server, at, '--http-listen');
  return server;
}

export const portOfServer = (server: Server | TlsServer): number => (server.address() as AddressInfo).port;

/** Ends it with its open connections. */
export async function closeServer(server: Server | TlsServer): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** A slow or idle client must not hold a connection for ever; streams of the API are answers, not idle ones. */
async function listening(server: Server | TlsServer, { host, port }: HostPort, flag: string): Promise<void> {
  server.requestTimeout = 60_000;
  server.headersTimeout = 20_000;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const at = `${host}:${port}`;
    if (code === 'EADDRINUSE')
      throw new OrcaError('PORT_TAKEN', `${at} (${flag}) is taken by another program`, { cause });
    const why = code === 'EACCES' ? 'this user may not listen there' : `${code ?? cause}`;
    throw new OrcaError('USAGE', `can't listen on ${at} (${flag}): ${why}`, { cause });
  }
}

/** Every name and address by which the API may be called. */
function namesOf({ listen, advertise, domain }: MasterSettings): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ address }) => address.replace(/%.*/, ''));
  const asked = [listen.host, advertise, domain].filter((name): name is string => name !== null);
  const names = [MASTER_NAME, 'localhost', hostname(), '127.0.0.1', '::1', ...asked, ...addresses];
  return [...new Set(names)].filter((name) => name !== '0.0.0.0' && name !== '::');
}
