/**
 * Composition root of the agent: the only place that constructs. One agent a home; SIGTERM ends it quickly and leaves
 * containers, Caddy and the resolver running. Works without a master (from the assignment on disk) and without Docker
 * (says so, and tries again).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createIngress } from '../proxy-config/ingress.js';
import { ingressSchema } from '../proxy-config/route.js';
import { messageOf, OrcaError } from '../shared/errors.js';
import type { Log } from '../shared/log.js';
import { startAgent } from './agent.js';
import { dockerEngine } from './docker.js';
import { takeLock } from './lock.js';
import { createLog } from './log.js';
import { openMemory } from './memory.js';
import { nodeFacts } from './node-facts.js';
import { type AgentPaths, agentPaths, readSettings } from './settings.js';

/** Runs `orca agent --home DIR` until SIGTERM or SIGINT. Throws USAGE, CONFIG_* and ALREADY_RUNNING. */
export async function agentProgram(argv: string[]): Promise<void> {
  const paths = agentPaths(homeFrom(argv));
  const settings = await readSettings(paths);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const unlock = await takeLock(paths.lock);
  await writeFile(paths.pid, `${process.pid}\n`, { mode: 0o600 });
  const log = createLog((line) => process.stdout.write(`${line}\n`));
  noteUnhandled(log);
  log.info({ node: settings.nodeId, pid: process.pid, home: paths.home }, 'agent started');
  const agent = await startAgent({
    settings,
    credentials: paths.credentials,
    engine: dockerEngine(settings.docker),
    memory: openMemory(paths.folder, (error) => log.error({ reason: messageOf(error) }, 'memory')),
    facts: () => nodeFacts(settings),
    createIngress: (onChange) => ingressOf(paths, settings.nodeId, onChange, log),
    log,
  });
  await signalled();
  log.info({}, 'agent stops; containers go on');
  await Promise.race([agent.stop(), after(2_000)]);
  await unlock();
  process.exit(0);
}

function homeFrom(argv: string[]): string {
  try {
    const { values } = parseArgs({ args: argv, options: { home: { type: 'string' } } });
    const home = values.home ?? process.env.ORCA_HOME;
    if (home) return home;
  } catch (cause) {
    throw new OrcaError('USAGE', messageOf(cause), { cause });
  }
  throw new OrcaError('USAGE', 'orca agent needs --home DIR (or ORCA_HOME)');
}

function ingressOf(paths: AgentPaths, nodeId: string, onChange: () => void, log: Log) {
  const role = createIngress({
    home: paths.home,
    nodeId,
    onChange,
    log: (message) => log.info({ part: 'ingress' }, message),
  });
  return {
    decode: (ingress: unknown) => ingressSchema.parse(ingress),
    apply: role.apply.bind(role),
    setLocal: role.setLocal.bind(role),
    observed: role.observed.bind(role),
    stop: role.stop.bind(role),
  };
}

/** A defect is never silent, and never stops the loops: each is made to go on after a failed pass. */
function noteUnhandled(log: Log): void {
  const note = (what: string) => (error: unknown) =>
    log.error({ reason: messageOf(error), stack: error instanceof Error ? error.stack : null }, what);
  process.on('unhandledRejection', note('unhandled rejection'));
  process.on('uncaughtException', note('uncaught exception'));
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
