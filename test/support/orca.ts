/**
 * A real Orca for end-to-end tests: `orca server` in a home of its own, with the real Docker and Caddy, used through the CLI
 * as a user does. One instance serves all tests of a file; `stop` ends every process and removes every container of it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type https from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceStatus, StatusReply } from '../../shared/api.js';
import { endProcesses, releaseNames, removeLeftovers } from './clean-up.js';
import { containersWith, type SeenContainer, testDocker } from './docker.js';
import { freePorts } from './free-port.js';
import { type Answer, request } from './https-request.js';
import type { LoadTarget } from './load.js';
import { processesOf } from './processes.js';
import { mountDisk, unmount } from './small-disk.js';
import type { BedHost } from './testbed.js';
import { waitFor } from './wait-for.js';

const program = fileURLToPath(new URL('../../cli/orca.js', import.meta.url));

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
  /** Of `--json` output; throws when stdout isn't JSON. */
  json<T>(): T;
}

export interface OrcaOptions {
  /** More arguments of `orca server`. */
  args?: string[];
  env?: Record<string, string>;
  /** More lines of `[cluster]` in cluster.toml. */
  cluster?: string;
  /** Instead of node dist/cli/orca.js server. */
  serverProgram?: string[];
  docker?: string;
  /** The home on a disk of its own, of so many KiB, which a test can fill. */
  homeKiB?: number;
  /** A host of a test bed, with its own address and Docker; its own 6880, 80 and 443 are used. */
  host?: Pick<BedHost, 'address' | 'docker' | 'enter'>;
}

export type RunOptions = { cwd?: string; env?: Record<string, string>; stdin?: string };

export interface Orca {
  readonly home: string;
  /** A folder for the user's files: `services/…` lies here, and the CLI runs here. */
  readonly folder: string;
  readonly apiPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly cluster: string;
  /** Runs the CLI to its end. */
  run(args: string[], options?: RunOptions): Promise<CommandResult>;
  /** Starts the CLI without waiting, for what follows or is interrupted. */
  spawn(args: string[]): ChildProcess;
  /** Writes a file below `folder`. */
  write(path: string, text: string): void;
  /** Writes services/default/service.toml and deploys it. */
  deploy(toml: string, args?: string[]): Promise<CommandResult>;
  /** The same for what a test stands on: throws with what was printed when it fails. */
  deployed(toml: string): Promise<void>;
  status(): Promise<StatusReply>;
  service(name: string): Promise<ServiceStatus>;
  /** Waits until a service is as wanted. */
  serviceThat(
    name: string,
    what: string,
    holds: (service: ServiceStatus) => boolean,
    timeoutMs?: number,
  ): Promise<ServiceStatus>;
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A request through Caddy, with SNI and Host of `domain`, trusting the cluster's CA only. */
  get(
    domain: string,
    path?: string,
    options?: https.RequestOptions & { body?: string | Buffer },
  ): Promise<Answer>;
  target(domain: string): LoadTarget;
  containers(labels?: Record<string, string>): Promise<SeenContainer[]>;
  /** The pid of one of its processes. */
  pid(which: 'server' | 'agent' | 'caddy' | 'resolver' | 'names'): number;
  /** What server and agent wrote, for a failed test. */
  log(): string;
  startServer(): Promise<void>;
  /** SIGTERM, and waits. */
  stopServer(): Promise<void>;
  stop(): Promise<void>;
}

/** For names that are served with a certificate of another name: the chain must be right, the name may differ. */
export const anyName = { checkServerIdentity: () => undefined };

/** Starts one and waits until its node is ready. */
export async function startOrca(options: OrcaOptions = {}): Promise<Orca> {
  const orca = await makeOrca(options);
  try {
    await orca.startServer();
    await waitFor(
      'the local node to be ready',
      async () => (await orca.status()).nodes[0]?.state === 'ready',
    );
  } catch (error) {
    const log = orca.log();
    await orca.stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${log}`);
  }
  return orca;
}

/** The same without starting anything yet. */
export async function makeOrca(options: OrcaOptions = {}): Promise<Orca> {
  const root = mkdtempSync('/tmp/orca-e2e-');
  const home = join(root, 'home');
  const folder = join(root, 'work');
  mkdirSync(home, { mode: 0o700 });
  if (options.homeKiB) mountDisk(home, options.homeKiB);
  mkdirSync(folder);
  const { host } = options;
  const address = host?.address ?? '127.0.0.1';
  const [apiPort = 0, httpPort = 0, httpsPort = 0] = host ? [6_880, 80, 443] : await freePorts(3);
  const cluster = root.slice('/tmp/'.length).toLowerCase();
  const caddy = process.env.ORCA_TEST_CADDY ?? 'auto';
  writeFileSync(
    join(home, 'cluster.toml'),
    `[cluster]\nname = "${cluster}"\n${options.cluster ?? ''}\n[proxy]\ncaddy = "${caddy}"\n`,
  );
  const docker = options.docker ?? host?.docker ?? testDocker();
  let server: ChildProcess | null = null;

  const env = (more: Record<string, string> = {}): NodeJS.ProcessEnv => {
    const inherited = Object.entries(process.env).filter(
      ([key]) => !/^(ORCA_|TAP_|NODE_OPTIONS|NO_COLOR|FORCE_COLOR)/.test(key),
    );
    return { ...Object.fromEntries(inherited), ORCA_HOME: home, ...options.env, ...more };
  };
  const start = (args: string[], more: { cwd?: string; env?: Record<string, string> } = {}): ChildProcess =>
    spawn(process.execPath, [program, ...args], { cwd: more.cwd ?? folder, env: env(more.env) });

  const orca: Orca = {
    home,
    folder,
    apiPort,
    httpPort,
    httpsPort,
    cluster,
    spawn: (args) => start(args),
    run: async (args, more) => finished(start(args, more), more?.stdin),
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
    async deploy(toml, args = []) {
      orca.write('services/default/service.toml', toml);
      return orca.run(['deploy', ...args]);
    },
    async deployed(toml) {
      const { code, stdout, stderr } = await orca.deploy(toml);
      if (code !== 0) throw new Error(`deploy ended with ${code}\n${stdout}${stderr}\n${orca.log()}`);
    },
    status: async () => JSON.parse((await orca.api('GET', '/status')).body) as StatusReply,
    async service(name) {
      const found = (await orca.status()).services.find((service) => service.name === name);
      if (!found) throw new Error(`no service ${name}`);
      return found;
    },
    async serviceThat(name, what, holds, timeoutMs = 60_000) {
      let seen: ServiceStatus | undefined;
      const look = async () => {
        seen = await orca.service(name);
        return holds(seen) && seen;
      };
      return waitFor(`${name} ${what}`, look, { timeoutMs, everyMs: 100 }).catch((error: Error) => {
        throw new Error(`${error.message}\n${JSON.stringify(seen, null, 1)}`);
      });
    },
    api(method, path, body, headers = {}) {
      const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
      const json = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const auth = {
        authorization: `Bearer ${token}`,
        ...(json ? { 'content-type': 'application/json' } : {}),
        ...headers,
      };
      const ca = readFileSync(join(home, 'ca.pem'));
      const url = { host: address, port: apiPort, path: `/api/v1${path}`, method, headers: auth, ca };
      return request(url, json);
    },
    get(domain, path = '/', { body, ...more } = {}) {
      const headers = { host: `${domain}:${httpsPort}`, ...(more.headers as Record<string, string>) };
      const ca = readFileSync(join(home, 'ca.pem'));
      const url = {
        host: address,
        port: httpsPort,
        path,
        servername: domain,
        ca,
        agent: false as const,
        ...more,
        headers,
      };
      return request(url, body);
    },
    target: (domain) => ({
      address,
      port: httpsPort,
      domain,
      caPem: readFileSync(join(home, 'ca.pem'), 'utf8'),
    }),
    containers: (labels = {}) => containersWith({ 'orca.cluster': clusterId(home), ...labels }, docker),
    pid(which) {
      const found = processesOf(home).filter((candidate) => isProgram(candidate.command, which));
      if (found.length !== 1 || !found[0])
        throw new Error(`${found.length} processes are the ${which} of ${home}`);
      return found[0].pid;
    },
    log: () =>
      [...logFiles(home)]
        .map((path) => `--- ${path}\n${readFileSync(path, 'utf8').slice(-6_000)}`)
        .join('\n'),
    async startServer() {
      const out = openSync(join(root, 'server.log'), 'a');
      const runs = options.serverProgram ?? [process.execPath, program, 'server'];
      const ports = ['--http-port', `${httpPort}`, '--https-port', `${httpsPort}`];
      const at = ['--listen', `${address}:${apiPort}`, ...(host ? ['--advertise', address] : [])];
      const whole = [...runs, '--home', home, ...at, ...ports, '--docker', docker, ...(options.args ?? [])];
      const [command = process.execPath, ...args] = host?.enter(whole) ?? whole;
      const child = spawn(command, args, { cwd: folder, env: env(), stdio: ['ignore', out, out] });
      server = child;
      await waitFor('the API to answer', async () => {
        if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
        return (await orca.api('GET', '/health')).status === 200;
      });
    },
    async stopServer() {
      if (!server || server.exitCode !== null || server.signalCode !== null) return;
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    },
    async stop() {
      await endProcesses(home);
      // On a host of a test bed its whole network goes.
      if (!host) await releaseNames(home);
      if (existsSync(join(home, 'ca.pem'))) await removeLeftovers(clusterId(home), docker);
      if (options.homeKiB) unmount(home);
      rmSync(root, { recursive: true, force: true });
    },
  };
  return orca;
}

/** What the cluster's containers, networks and volumes are labelled with: the fingerprint of its CA. */
function clusterId(home: string): string {
  const { raw } = new X509Certificate(readFileSync(join(home, 'ca.pem')));
  return createHash('sha256').update(raw).digest('hex').slice(0, 12);
}

function* logFiles(home: string): Generator<string> {
  const candidates = ['../server.log', 'logs/agent.log', 'logs/caddy.log', 'logs/resolver.log'];
  for (const path of candidates) if (existsSync(join(home, path))) yield join(home, path);
}

/** Not the shell that stands by to become one. */
function isNode(command: string[]): boolean {
  return command[0]?.endsWith('node') === true;
}

function isProgram(command: string[], which: string): boolean {
  if (which === 'caddy') return /caddy$/.test(command[0] ?? '') && command[1] === 'run';
  if (which === 'server' && command.some((part) => part.endsWith('dying-server.js'))) return true;
  if (which === 'resolver')
    return isNode(command) && command.some((part) => part.endsWith('resolver-main.js'));
  if (which === 'names') return isNode(command) && command.some((part) => part.endsWith('discovery-main.js'));
  return command.includes(which) && command.some((part) => part.endsWith('.js'));
}

/** Its end, with all that it wrote. */
export async function finished(child: ChildProcess, stdin = ''): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin?.end(stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}
