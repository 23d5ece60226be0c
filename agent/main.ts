/**
 * Composition root of the agent: the only place that constructs. One agent a home; SIGTERM ends it quickly and leaves
 * containers, Caddy and the resolver running. Works without a master (from the assignment on disk) and without Docker
 * (says so, and tries again).
 */
import { existsSync, writeSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { messageOf, OrcaError } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { takeSignals } from '../shared/take-signals.js';
import type { DiscoveryPart, IngressPart } from './agent.js';
import type { AgentSettings } from './settings.js';

/** Runs `orca agent --home DIR` until SIGTERM or SIGINT; with `--try` only sees that it could. Throws USAGE, CONFIG_* and ALREADY_RUNNING. */
export async function agentProgram(argv: string[]): Promise<void> {
  takeSignals();
  const { home, isTry } = flagsFrom(argv);
  stayLean();
  const { agentPaths, readSettings, takeLock, createLog } = await loadBasics();
  const paths = agentPaths(home);
  const settings = await readSettings(paths);
  if (isTry) return tryParts(settings);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const unlock = await takeLock(paths.lock);
  await writeFile(paths.pid, `${process.pid}\n`, { mode: 0o600 });
  const log = createLog(toStdout);
  noteUnhandled(log);
  log.info({ node: settings.nodeId, pid: process.pid, home: paths.home }, 'agent started');

  const { startAgent, dockerEngine, openMemory, nodeFacts, openPrograms, openUpgrades, ...parts } =
    await loadParts();
  const programs = openPrograms(paths.home);
  const upgrades = programs && (await openUpgrades({ ...paths, ...settings, programs, restart, log }));
  const place = { home: paths.home, nodeId: settings.nodeId };
  // Without it there is no session either, and what this node remembers goes on.
  const caPem = await readFile(paths.credentials.ca, 'utf8').catch(() => null);
  const master = caPem === null ? {} : { master: { url: settings.masterUrl, caPem } };
  const engine = dockerEngine(settings.docker);
  const secretFiles = parts.openSecretFiles(paths.home);
  const agent = await startAgent({
    settings,
    credentials: paths.credentials,
    engine,
    memory: openMemory(paths.folder, (problem) =>
      problem === null
        ? log.info({}, 'what this agent remembers is on disk again')
        : log.error({ reason: problem }, 'what this agent remembers can not be written; it goes on without'),
    ),
    facts: () => ({ ...nodeFacts(settings), ...(programs ? { program: programs.own } : {}) }),
    upgrades,
    createIngress: (onChange) => ingressPart(parts, { ...place, ...master, onChange }, log),
    mountLock: parts.mountLock(paths.home, process.env),
    carrier: parts.lazyCarrier(
      () => import('./carry/carrier.js'),
      {
        ...{ home: paths.home, masterUrl: settings.masterUrl, advertise: settings.advertise, log },
        ...{ credentials: paths.credentials, engine },
      },
      existsSync(join(paths.home, 'images', 'registry.pid')),
    ),
    secretFiles,
    builder: parts.createBuilder({ engine, secretFiles, folder: join(paths.folder, 'builds') }),
    hasIngress: () => parts.ingressRuns(paths.home),
    createDiscovery: (onChange) => discoveryPart(parts, { ...place, onChange }, log),
    log,
  });
  await signalled();
  log.info({}, 'agent stops; containers go on');
  upgrades?.stop();
  await Promise.race([agent.stop(), after(2_000)]);
  await unlock();
  process.exit(0);
}

/**
 * An agent idles: compiling hot code costs it more memory (7 MB of RSS on Node 20) than it saves time. V8 takes this up
 * only before the code is loaded, which is why the parts below are loaded on demand.
 */
function stayLean(): void {
  for (const flag of ['--no-opt', '--optimize-for-size', '--max-lazy']) setFlagsFromString(flag);
}

async function loadBasics() {
  const [{ agentPaths, readSettings }, { takeLock }, { createLog }] = await Promise.all([
    import('./settings.js'),
    import('./lock.js'),
    import('./log.js'),
  ]);
  return { agentPaths, readSettings, takeLock, createLog };
}

async function loadParts() {
  const [{ startAgent }, { dockerEngine }, { openMemory }, { nodeFacts }] = await Promise.all([
    import('./agent.js'),
    import('./docker.js'),
    import('./memory.js'),
    import('./node-facts.js'),
  ]);
  const [{ createIngress }, { ingressRuns }, { ingressSchema }] = await Promise.all([
    import('../proxy-config/ingress.js'),
    import('../proxy-config/sidecar.js'),
    import('../proxy-config/route.js'),
  ]);
  const [{ createDiscovery }, { tableSchema }] = await Promise.all([
    import('../discovery/discovery.js'),
    import('../discovery/table.js'),
  ]);
  const [
    { openPrograms },
    { openUpgrades },
    { openSecretFiles },
    { mountLock },
    { lazyCarrier },
    { createBuilder },
  ] = await Promise.all([
    import('./programs.js'),
    import('./upgrade.js'),
    import('./secret-files.js'),
    import('./mount-sources.js'),
    import('./carry/lazy.js'),
    import('./build/builder.js'),
  ]);
  const roles = { createIngress, ingressRuns, ingressSchema, createDiscovery, tableSchema };
  const own = { openPrograms, openUpgrades, openSecretFiles, mountLock, lazyCarrier, createBuilder };
  return { startAgent, dockerEngine, openMemory, nodeFacts, ...own, ...roles };
}

type Parts = Awaited<ReturnType<typeof loadParts>>;
type IngressModule = Pick<Parts, 'createIngress' | 'ingressSchema'>;
type DiscoveryModule = Pick<Parts, 'createDiscovery' | 'tableSchema'>;
type Place = { home: string; nodeId: string; onChange: () => void };

function ingressPart(
  { createIngress, ingressSchema }: IngressModule,
  options: Place & { master?: { url: string; caPem: string } },
  log: Log,
): IngressPart<ReturnType<IngressModule['ingressSchema']['parse']>> {
  const role = createIngress({ ...options, log: (message) => log.info({ part: 'ingress' }, message) });
  return {
    decode: (ingress) => ingressSchema.parse(ingress),
    apply: role.apply.bind(role),
    setLocal: role.setLocal.bind(role),
    observed: role.observed.bind(role),
    figures: role.figures.bind(role),
    stop: role.stop.bind(role),
  };
}

function discoveryPart(
  { createDiscovery, tableSchema }: DiscoveryModule,
  options: Place,
  log: Log,
): DiscoveryPart<ReturnType<DiscoveryModule['tableSchema']['parse']>> {
  const role = createDiscovery({ ...options, log: (message) => log.info({ part: 'discovery' }, message) });
  return {
    decode: (table) => tableSchema.parse(table),
    apply: role.apply.bind(role),
    setLocal: role.setLocal.bind(role),
    setNetworks: role.setNetworks.bind(role),
    dnsFor: role.dnsFor.bind(role),
    observed: role.observed.bind(role),
    stop: role.stop.bind(role),
  };
}

/** All of it is loaded and its files are read: what is broken, or needs another Node.js, throws. */
async function tryParts(settings: AgentSettings): Promise<void> {
  const { dockerEngine, nodeFacts } = await loadParts();
  dockerEngine(settings.docker);
  process.stdout.write(`${nodeFacts(settings).version}\n`);
}

function flagsFrom(argv: string[]): { home: string; isTry: boolean } {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { home: { type: 'string' }, try: { type: 'boolean' } },
    });
    const home = values.home ?? process.env.ORCA_HOME;
    if (home) return { home, isTry: values.try === true };
  } catch (cause) {
    throw new OrcaError('USAGE', messageOf(cause), { cause });
  }
  throw new OrcaError('USAGE', 'orca agent needs --home DIR (or ORCA_HOME)');
}

/** Where no line can be written (a full disk) there is none: to say so would be the next line. */
function toStdout(line: string): void {
  try {
    writeSync(1, `${line}\n`);
  } catch {
    // The next one may find room again.
  }
}

/** A defect is never silent, and never stops the loops: each is made to go on after a failed pass. */
function noteUnhandled(log: Log): void {
  const note = (what: string) => (error: unknown) =>
    log.error({ reason: messageOf(error), stack: error instanceof Error ? error.stack : null }, what);
  process.on('unhandledRejection', note('unhandled rejection'));
  process.on('uncaughtException', note('uncaught exception'));
}

/** As a signal would, in good order; who keeps it running starts it again. */
const restart = (): void => void process.kill(process.pid, 'SIGTERM');

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
