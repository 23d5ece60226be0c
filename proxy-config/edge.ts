/**
 * Keeps Caddy running with the newest config: its own loop, so that a slow start or load never delays a record.
 *
 * Promises: a config is loaded only when its fingerprint differs from the one Caddy runs (asked of Caddy itself, so no
 * restart of anything can fool it), and after its clients were told (`closing`); an assignment that changes only membership loads nothing. A config that Caddy
 * refuses leaves the old one serving and is tried again with back-off, 1 s doubling to 60 s.
 */
import { messageOf } from '../shared/errors.js';
import { type Loop, startLoop } from '../shared/loop.js';
import type { IngressObserved } from '../shared/protocol.js';
import { CaddyRefusal } from './admin.js';
import type { MasterPlace } from './api-site.js';
import { caddyTraits } from './caddy-version.js';
import { createClosing } from './closing.js';
import { type Compiled, compile, configKey, FINGERPRINT_PATH, srvNamesOf } from './compile.js';
import { isTaken, takenWords } from './http-port.js';
import type { IngressPaths } from './paths.js';
import type { ResolverPorts } from './proxy-handler.js';
import type { Ingress } from './route.js';
import { type Marks, marksOf, type Refused } from './shapes.js';
import { createSidecar, type Sidecar, type SidecarState } from './sidecar.js';

/** What Caddy should serve, and what to fall back on without the resolver; read anew in every pass. */
export interface EdgeWant {
  ingress: Ingress;
  ports: ResolverPorts;
  /** Where the traffic log goes; null: nothing is measured, or it is not open yet. */
  trafficPort: number | null;
  fallback: () => ReadonlyMap<string, string[]>;
}

export interface EdgeState extends SidecarState {
  /** SRV names in the config that Caddy runs. */
  loadedNames: ReadonlySet<string>;
  /** Why the newest config is not the one that runs, or null. */
  loadReason: string | null;
  refusals: ReadonlyMap<string, string>;
  /** Of the config that Caddy runs; empty: that is none of ours, or not known yet. */
  loaded: Marks;
  /** The newest config, when Caddy has said what is wrong with it. */
  refused: Refused | null;
  /** How long Caddy may use an answer, ms: the longer of this config's and the one before, whose answers it may hold. */
  refreshMs: number;
}

export interface Edge {
  sidecar: Sidecar;
  /** False: nothing is known of Caddy yet. */
  hasLooked(): boolean;
  state(): EdgeState;
  wake(): void;
  stop(): Promise<void>;
}

export interface EdgeOptions {
  paths: IngressPaths;
  master: MasterPlace | null;
  want: () => EdgeWant | null;
  onChange: () => void;
  log: (message: string) => void;
}

const EVERY_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

/** Starts the loop; it does nothing while `want` says null. */
export function startEdge(options: EdgeOptions): Edge {
  const sidecar = createSidecar(options.paths, () => loop.wake());
  const closing = createClosing(options.paths.closing);
  let state: EdgeState = emptyState();
  let cached: { key: string; compiled: Compiled } | null = null;
  let loadedMs = 0;
  /** Whose marks are known of the config that runs. */
  let confirmed: { ingress: Ingress; fingerprint: string } | null = null;
  let hasLooked = false;
  /** As it was found when Caddy did not serve HTTP. */
  let isHttpTaken = false;
  let failed: { fingerprint: string; count: number; retryAtMs: number } | null = null;

  const change = (next: Partial<EdgeState>): void => {
    const before = state;
    state = { ...state, ...next };
    if (before.reason !== state.reason && state.reason) options.log(state.reason);
    if (before.loadReason !== state.loadReason && state.loadReason) options.log(state.loadReason);
    if (describe(before) !== describe(state)) options.onChange();
  };
  const compileNow = (want: EdgeWant, anew: boolean): Compiled => {
    const traits = caddyTraits(state.version);
    const key = `${isHttpTaken} ${configKey(want.ingress, want.ports, want.trafficPort, traits)}`;
    if (cached !== null && cached.key === key && !anew) return cached.compiled;
    const { paths, master } = options;
    const compiled = compile({ ...compileInput(paths), ...inputOf(want), master, traits, isHttpTaken });
    cached = { key, compiled };
    return compiled;
  };
  const takenReason = ({ ingress }: EdgeWant): string | null =>
    isHttpTaken ? takenWords(ingress.httpPort) : null;
  /** Caddy runs the config of this fingerprint, which these routes are compiled to. */
  const confirm = ({ ingress }: EdgeWant, fingerprint: string): void => {
    if (confirmed?.ingress === ingress && confirmed.fingerprint === fingerprint) return;
    confirmed = { ingress, fingerprint };
    change({ loaded: marksOf(ingress.routes), refused: null });
  };
  const isPutOff = (fingerprint: string): boolean =>
    failed?.fingerprint === fingerprint && Date.now() < failed.retryAtMs;
  const load = async (want: EdgeWant): Promise<void> => {
    const { config, fingerprint, refreshMs } = compileNow(want, true);
    if (isPutOff(fingerprint)) return;
    try {
      await sidecar.admin.load(config);
      failed = null;
      confirm(want, fingerprint);
      options.log(`Caddy serves ${want.ingress.routes.length} routes (${fingerprint})`);
      change({
        ...{ loadedNames: srvNamesOf(config), loadReason: takenReason(want) },
        refreshMs: Math.max(loadedMs, refreshMs),
      });
      loadedMs = refreshMs;
    } catch (error) {
      const count = failed?.fingerprint === fingerprint ? failed.count + 1 : 1;
      const retryAtMs = Date.now() + Math.min(MAX_BACKOFF_MS, 500 * 2 ** count);
      failed = { fingerprint, count, retryAtMs };
      loop.wakeAt(retryAtMs);
      const running = await sidecar.admin.config();
      const refused = isRefusal(error)
        ? { marks: marksOf(want.ingress.routes), reason: messageOf(error) }
        : null;
      change({ loadedNames: srvNamesOf(running), loadReason: messageOf(error), refused });
      if (!isServing(running)) await sidecar.shutdown();
    }
  };
  /** What is wanted by then is loaded: more may have come while clients were told. */
  const replace = async (want: EdgeWant, hasClients: boolean): Promise<void> => {
    if (hasClients) await closing.begin();
    try {
      await load(options.want() ?? want);
    } finally {
      closing.end();
    }
  };
  const look = async (want: EdgeWant): Promise<void> => {
    const found = await sidecar.ensure(want.ingress.caddy);
    change(found);
    if (found.state !== 'running') {
      loop.wakeAt(Math.max(sidecar.notBeforeMs(), Date.now() + 100));
      return;
    }
    const running = await sidecar.admin.config(FINGERPRINT_PATH);
    if (isHttpTaken || running !== compileNow(want, false).fingerprint)
      isHttpTaken = !(await servesHttp(sidecar)) && (await isTaken(want.ingress.httpPort));
    const compiled = compileNow(want, false);
    if (running === compiled.fingerprint) confirm(want, compiled.fingerprint);
    else if (running !== confirmed?.fingerprint) {
      confirmed = null;
      change({ loaded: new Map() });
    }
    change({ refusals: new Map(compiled.refused.map((r) => [r.service, r.reason])) });
    if (running !== compiled.fingerprint) {
      const { servesAccepted } = caddyTraits(state.version);
      await replace(want, servesAccepted && isOurs(running) && !isPutOff(compiled.fingerprint));
    } else if (state.loadReason !== takenReason(want) || state.loadedNames.size === 0) {
      const { config, refreshMs } = compiled;
      change({
        ...{ loadedNames: srvNamesOf(config), loadReason: takenReason(want) },
        refreshMs: Math.max(loadedMs, refreshMs),
      });
      loadedMs = refreshMs;
    }
  };
  const pass = async (): Promise<void> => {
    const want = options.want();
    if (want === null) return;
    closing.end();
    await look(want);
    if (hasLooked) return;
    hasLooked = true;
    options.onChange();
  };
  const loop: Loop = startLoop(pass, {
    everyMs: EVERY_MS,
    retryMs: 250,
    onError: (error) => options.log(`the ingress could not be looked after: ${messageOf(error)}`),
  });
  return {
    sidecar,
    hasLooked: () => hasLooked,
    state: () => state,
    wake: loop.wake,
    async stop() {
      sidecar.stop();
      await loop.stop();
    },
  };
}

/** It has read the config and would not have it. A port that another program has is no fault of the config's, and is waited for. */
const isRefusal = (error: unknown): boolean =>
  error instanceof CaddyRefusal && error.status === 400 && !/\bbind: /.test(error.message);

/** What is said of Caddy itself. */
export function caddyFacts({ state, version }: EdgeState): Pick<IngressObserved, 'caddy' | 'caddyVersion'> {
  return { caddy: state, caddyVersion: version };
}

/**
 * A Caddy that could not start its first config keeps listening with the part of it that it could start, beside whatever is loaded
 * later (2.6.2 stops only the other apps): it is started again.
 */
const isServing = (config: unknown): boolean => (config as { apps?: object } | null)?.apps !== undefined;

const servesHttp = async ({ admin }: Sidecar): Promise<boolean> =>
  (await admin.config('apps/http/servers/http/listen')) !== null;

/** The fingerprint of a config that serves: what Caddy says where there is none is no text. */
const isOurs = (fingerprint: unknown): boolean => typeof fingerprint === 'string';

function describe(state: EdgeState): string {
  const { loadedNames, loaded, refusals, refused, ...rest } = state;
  const marks = [...loaded, ...(refused?.marks ?? [])];
  return JSON.stringify({ ...rest, marks, loadedNames: [...loadedNames], refusals: [...refusals] });
}

function emptyState(): EdgeState {
  return {
    state: 'down',
    version: null,
    reason: 'Caddy was not looked at yet',
    loadedNames: new Set(),
    loadReason: null,
    refusals: new Map(),
    loaded: new Map(),
    refused: null,
    refreshMs: 0,
  };
}

function compileInput(paths: IngressPaths) {
  const { adminSocket, storageRoot, caddyLog, closing } = paths;
  return { adminSocketPath: adminSocket, storageRoot, logFile: caddyLog, closingFolder: closing };
}

function inputOf(want: EdgeWant) {
  return {
    ingress: want.ingress,
    resolver: want.ports,
    trafficPort: want.trafficPort,
    fallback: want.fallback(),
  };
}
