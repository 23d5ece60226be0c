/**
 * Caddy as a sidecar: finds the binary, starts it detached, adopts one that already runs, starts it again when it died.
 *
 * Promises: a living Caddy is never restarted. It resumes from its autosave, so that it serves before anybody asks;
 * an autosave that is damaged, of another home, or that it can't start from is deleted, and the config is loaded anew.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { findCaddy } from '../shared/caddy-binary.js';
import { messageOf } from '../shared/errors.js';
import { type CaddyAdmin, caddyAdmin } from './admin.js';
import { caddyVersion } from './caddy-version.js';
import { type Companion, createCompanion, isCompanionAlive } from './companion.js';
import { bootConfig } from './compile.js';
import { readJsonFile, tryWriteJsonFile } from './json-file.js';
import { keepUnaccepted } from './listeners.js';
import { type IngressPaths, ingressPaths } from './paths.js';

export interface SidecarState {
  state: 'running' | 'starting' | 'down';
  version: string | null;
  /** Why it doesn't run; null while it does. */
  reason: string | null;
}

export interface Sidecar {
  admin: CaddyAdmin;
  /** Looks, and starts Caddy if nothing runs; waits up to 5 s for it to answer. Never throws. */
  ensure(setting: string): Promise<SidecarState>;
  /** True when there is surely no Caddy process: nothing can be in flight. */
  isDead(): boolean;
  /** When a start that was put off may be tried, ms since the epoch; 0: none. */
  notBeforeMs(): number;
  /** Ends Caddy itself. */
  shutdown(): Promise<void>;
  /** Stops watching; Caddy goes on. */
  stop(): void;
}

type Facts = Pick<SidecarState, 'version'>;
const UNKNOWN: Facts = { version: null };
const START_MS = 5_000;
/**
 * How much its heap may grow between two garbage collections, % (pkg.go.dev/runtime): with Go's own 100 a request cost 74.0 µs of CPU, with
 * this 67.1, and the process had 47 MB and 50 (2.6.2, wrk with 32 connections). The agent's environment may say otherwise.
 */
const GOGC = '200';
/** Requests in flight may end within this when Caddy itself is asked to end. */
const STOP_MS = 5_000;

/** Watches the Caddy of these paths; starts nothing by itself. `onExit` is called when it died. */
export function createSidecar(paths: IngressPaths, onExit: () => void): Sidecar {
  const admin = caddyAdmin(paths.adminSocket);
  const companion = createCompanion({ pidFile: paths.caddyPid, outFile: paths.caddyOut, onExit });
  let asked: { binary: string; facts: Facts } | null = null;

  const factsOf = async (setting: string): Promise<Facts> => {
    const binary = findCaddy(setting, process.env);
    if (asked?.binary !== binary) asked = { binary, facts: { version: await caddyVersion(binary) } };
    return asked.facts;
  };
  const known = (): Facts => asked?.facts ?? UNKNOWN;
  const ensure = async (setting: string): Promise<SidecarState> => {
    try {
      if (await answers(admin))
        return { state: 'running', ...(await factsOf(setting).catch(() => UNKNOWN)), reason: null };
      if (!companion.identity()) {
        const problem = await startCaddy(companion, admin, paths, findCaddy(setting, process.env));
        if (problem !== null) return { state: 'down', ...known(), reason: problem };
        return { state: 'running', ...(await factsOf(setting)), reason: null };
      }
      const reason = 'Caddy runs but does not answer on its admin socket';
      return { state: 'starting', ...known(), reason };
    } catch (error) {
      return { state: 'down', ...known(), reason: messageOf(error) };
    }
  };
  return {
    admin,
    ensure,
    isDead: () => companion.identity() === null,
    notBeforeMs: () => companion.notBeforeMs(),
    stop: () => companion.stop(),
    async shutdown() {
      if (!companion.identity()) return;
      await admin.stop().catch(() => companion.kill('SIGTERM'));
      const giveUpAtMs = Date.now() + STOP_MS;
      while (companion.identity() && Date.now() < giveUpAtMs) await pause(20);
      companion.kill('SIGKILL');
    },
  };
}

/** Starts it and waits until it answers; null, or why it did not. */
async function startCaddy(
  companion: Companion,
  admin: CaddyAdmin,
  paths: IngressPaths,
  binary: string,
): Promise<string | null> {
  const boot = bootConfig({
    adminSocketPath: paths.adminSocket,
    storageRoot: paths.storageRoot,
    logFile: paths.caddyLog,
  });
  const unwritten = tryWriteJsonFile(paths.bootConfig, boot);
  if (unwritten !== null && !existsSync(paths.bootConfig))
    return `Caddy's first config can't be written: ${unwritten}`;
  const resumed = keepUsableAutosave(paths);
  keepUnaccepted();
  const env = { GOGC, ...process.env, XDG_CONFIG_HOME: paths.xdg, XDG_DATA_HOME: paths.xdg };
  if (!companion.start({ file: binary, args: ['run', '--resume', '--config', paths.bootConfig], env })) {
    return `Caddy ended: ${companion.lastOutput()}`;
  }
  const giveUpAtMs = Date.now() + START_MS;
  while (companion.identity() && Date.now() < giveUpAtMs) {
    if (await answers(admin)) return null;
    await pause(10);
  }
  if (companion.identity()) return 'Caddy was started and does not answer yet';
  if (resumed) rmSync(paths.autosave, { force: true });
  return `Caddy ended at its start: ${lastError(companion.lastOutput())}`;
}

/** Deletes an autosave that Caddy could not resume from, or that would put its admin socket elsewhere. */
function keepUsableAutosave(paths: IngressPaths): boolean {
  const saved = readJsonFile(paths.autosave) as { admin?: { listen?: unknown } } | null;
  if (saved?.admin?.listen === `unix/${paths.adminSocket}`) return true;
  rmSync(paths.autosave, { force: true });
  return false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function answers(admin: CaddyAdmin): Promise<boolean> {
  return admin.config('admin/listen').then(
    () => true,
    () => false,
  );
}

/** Caddy's last lines, shortened to the one that says why. */
function lastError(output: string): string {
  const lines = output.split('\n').filter((text) => text !== '' && !/"level":"(debug|info|warn)"/.test(text));
  const line = lines.findLast((text) => /error|fatal|bind|panic/i.test(text)) ?? lines.at(-1) ?? '';
  return line.slice(0, 500) || 'it did not say why';
}

/** The identity under which Caddy was last started, for those who show it (such as `orca doctor`); null: unknown. */
export function caddyPid(paths: IngressPaths): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(paths.caddyPid, 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' ? pid : null;
  } catch {
    return null;
  }
}

/** Whether anything of an ingress of this home runs. */
export function ingressRuns(home: string): boolean {
  const { caddyPid, resolverPid } = ingressPaths(home);
  return isCompanionAlive(caddyPid) || isCompanionAlive(resolverPid);
}
