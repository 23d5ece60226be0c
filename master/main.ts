/**
 * The master: the only place that constructs. Takes the home's lock, opens store and CA, listens, plans, and runs the
 * local agent. A start that can't succeed says why in one line and has changed nothing that runs.
 */
import { join } from 'node:path';
import { weakTokenNotes } from '../shared/config/cluster-access.js';
import { OrcaError } from '../shared/errors.js';
import { writeFileAtomic } from '../shared/files.js';
import { takeLock } from '../shared/lock.js';
import type { Log } from '../shared/log.js';
import { HEARTBEAT_MS } from '../shared/protocol.js';
import { createAccess } from './access.js';
import { secretsIn } from './acme/dns-options.js';
import { createAllowed } from './allowed.js';
import { openAuthority } from './authority.js';
import { clearBackups, makeBackup } from './backup/backup.js';
import { finishSwap } from './backup/swap.js';
import { createCarry } from './carrying.js';
import { createAdopt } from './control/adopt.js';
import { createAssignments } from './control/assignments.js';
import { createCertificates } from './control/certificates.js';
import { createCommands } from './control/commands.js';
import { createDescribeNode } from './control/describe-node.js';
import { createDiscovery } from './control/discovery.js';
import { createEnrol } from './control/enrol.js';
import { createFarewells } from './control/farewells.js';
import { createJoinTokens } from './control/join-tokens.js';
import { createNodeCommands } from './control/node-commands.js';
import { createOwnCertificates } from './control/own-certificates.js';
import { createOwnCommands } from './control/own-commands.js';
import { startReconcile } from './control/reconcile.js';
import { createSecretValues } from './control/secret-values.js';
import { createSecrets } from './control/secrets.js';
import { createStates } from './control/states.js';
import { createUpgrade } from './control/upgrade.js';
import { watchOwn } from './control/watch-own.js';
import { createCrowd } from './crowd.js';
import { createDispatch } from './dispatch/dispatch.js';
import { recordSilence, recordStart } from './dispatch/reports.js';
import { checkHomeFiles, closeStore, refuseWritable } from './home-files.js';
import { createApi } from './http/api.js';
import { createLogger } from './http/logger.js';
import { startInfraPushes } from './infra.js';
import { closeServer, listenPlain, listenTls, portOfServer } from './listeners.js';
import { runLocalAgent } from './local-agent.js';
import { enrolLocalNode, reachable, rememberLocalNode } from './local-node.js';
import { makeHome, noSpace } from './make-home.js';
import { createNodeFiles } from './node-files.js';
import { createPeers } from './peer.js';
import { ownNameProblem } from './plan/own-name.js';
import { createPublicCertificates } from './public-certificates.js';
import { createRegistryCredentials } from './registry-credentials.js';
import {
  type MasterFlags,
  type MasterSettings,
  readSettings,
  restartNotes,
  settingsForApi,
} from './settings.js';
import { createSources } from './sources.js';
import { openStore, type StoreOptions } from './store/store.js';
import { runAll } from './undo.js';
import { readVersion } from './version.js';
import { createHooks, startHooks } from './webhooks.js';

export interface MasterOptions extends MasterFlags {
  env?: Record<string, string | undefined>;
  store?: StoreOptions;
}

export interface Master {
  url: string;
  stop(): Promise<void>;
  /** Reads cluster.toml again; says what it did. Throws CONFIG_INVALID and keeps what runs. */
  reload(): Promise<string>;
}

/** Starts everything; rejects with an OrcaError when it can't, with nothing left running. */
export async function startMaster(options: MasterOptions = {}): Promise<Master> {
  const env = options.env ?? process.env;
  const settings = await readSettings(options, env);
  const undo: (() => Promise<void> | void)[] = [];
  try {
    return await construct(settings, options, undo);
  } catch (error) {
    await runAll(undo);
    throw noSpace(error, settings.home) ?? error;
  }
}

/** `undo` collects how to end what was begun, in the order of beginning. */
async function construct(
  first: MasterSettings,
  options: MasterOptions,
  undo: (() => Promise<void> | void)[],
): Promise<Master> {
  const { home } = first;
  let settings = first;
  refuseWritable(home);
  makeHome(home);
  const lock = await takeLock(join(home, 'master.sock'), `a master already runs in ${home}`);
  undo.push(lock.release);
  finishSwap(home);
  clearBackups(home);
  const log = createLogger(settings.logLevel);
  for (const note of checkHomeFiles(home)) log.warn(note);
  const authority = openAuthority(home, Date.now(), options.env ?? process.env);
  const store = openStore(join(home, 'cluster.db'), options.store);
  undo.push(store.close);
  closeStore(home);
  tellUnreadable(log, authority.keys.settle(store));
  store.write((tx) => recordStart(tx, Date.now()));
  const version = readVersion();
  const access = createAccess({
    ...{ home, store, version, log, caFingerprint: authority.caFingerprint },
    settings: () => settings,
  });
  undo.push(access.stop);

  const states = createStates(store, (service) => dispatch.figures(service));
  const serveAnew = (): void => {
    certificates.changed();
    for (const { id, ingress } of states.nodes()) if (ingress) store.dirty.nodes.add(id);
    reconcile.wake();
  };
  const own = createOwnCertificates({
    ...{ store, authority },
    certDir: () => settings.certDir,
    nowMs: Date.now,
  });
  own.look(states.all());
  const secretValues = createSecretValues(store, authority.keys.unseal);
  const acme = createPublicCertificates({
    ...{ home, store, states, authority, log },
    secret: secretValues.ofAll,
    settings: () => settings,
    isCovered: own.covers,
    served: (name) => certificates.byDomain().get(name)?.certPem ?? null,
    onChange: serveAnew,
  });
  const certificates = createCertificates(store, authority, [own, acme, own.last], () =>
    settings.domain === null ? [] : [settings.domain],
  );
  certificates.ensure(states.all(), Date.now());
  const cluster = authority.clusterId;
  const discovery = createDiscovery({ store, states, cluster, range: () => settings.serviceRange });
  const peer = createPeers(authority.caPem);
  const prefix = (): string | null => settings.imagesPrefix;
  const tell = (node: string, id: string): void => dispatch.relay(node, id);
  const carrying = createCarry({ store, states, peer, log, tell, prefix });
  const wake = (): void => reconcile.wake();
  const registries = createRegistryCredentials({ store, states, keys: authority.keys, log, wake });
  const assignments = createAssignments({
    store,
    states,
    secretsFor: secretValues.sentFor,
    certificates,
    ...{ discovery, carrying, registries, cluster },
    proxy: () => settings.proxy,
    challenges: acme.challenges,
    domain: () => settings.domain,
  });
  let localId = '';
  const farewells = createFarewells(authority.clusterId);
  const nodes = createDescribeNode(
    () => settings.nodes,
    () => localId,
  );
  const dispatch = createDispatch({
    store,
    log,
    ...{ peer, relay: carrying.relay },
    cluster: authority.clusterId,
    assignmentFor: assignments.forHello,
    compared: assignments.compared,
    farewell: farewells.take,
    timing: () => timingOf(settings.presence.silenceMs),
    onFigures: (services) => {
      for (const key of services) if (states.get(key)?.rollout?.canary) store.dirty.services.add(key);
      reconcile.wake();
    },
    describeNode: (id, facts) => nodes.describe(store, id, facts),
    isLocal: (id) => id === localId,
  });

  const reload = async (): Promise<string> => {
    const next = await readSettings(options, options.env ?? process.env);
    const taken = ownNameProblem(next.domain, store.services());
    if (taken !== null) throw new OrcaError('CONFIG_INVALID', `${join(home, 'cluster.toml')}: ${taken}`);
    const restart = restartNotes(settings, next);
    settings = { ...next, listen: settings.listen, httpListen: settings.httpListen };
    log.level = settings.logLevel;
    access.reloaded();
    nodes.again(store);
    store.markAll();
    certificates.changed();
    reconcile.wake();
    const notes = [...restart, ...weakTokenNotes(settings.tokens), ...(await acme.settingsRead())];
    const said = ['configuration read again', ...notes].join('; ');
    log.info({ file: join(home, 'cluster.toml') }, said);
    return said;
  };
  const nodeFiles = createNodeFiles(version, authority.caPem);
  const joinTokens = createJoinTokens(store, authority.caFingerprint);
  const inCluster = () => secretsIn(settings.acme?.dns?.options);
  const secrets = createSecrets({ store, states, inCluster, ...authority.keys });
  secrets.sweep();
  let port = 0;
  const apiSettings = () => ({ cluster_id: authority.clusterId, version, ...settingsForApi(settings, port) });
  const commands = createCommands(store, states, secretValues, createAllowed(apiSettings));
  const sources = createSources({ store, states, secrets, ask: dispatch.cleanup });
  const crowd = createCrowd(log);
  const api = await createApi({
    store,
    secrets: { ...secrets, rotateKey: () => authority.keys.rotate(store) },
    ...sources.parts,
    commands: {
      ...commands,
      ...createNodeCommands({ store, states, nodes, farewells, isLocal: (id) => id === localId }),
    },
    certificates: {
      ...createOwnCommands(own, serveAnew),
      ...acme.commands,
      ca: authority.caPem,
    },
    enrolment: {
      ...createEnrol(store, authority, () => settings.name),
      createToken: joinTokens.create,
      revokeToken: joinTokens.revoke,
    },
    hooks: createHooks({ store, authority, settings: () => settings, apiPort: () => port }),
    ...{ nodeFiles, registries },
    upgrade: createUpgrade({
      store,
      isLocal: (id) => id === localId,
      served: nodeFiles.program,
      send: dispatch.upgrade,
    }),
    ...{ peer, proved: crowd.proved },
    live: dispatch,
    settings: apiSettings,
    access,
    reload,
    adopt: createAdopt({ store, states, certificates, recall: dispatch.recall }),
    backup: () =>
      makeBackup({
        home,
        store,
        version,
        cluster: () => ({ id: authority.clusterId, name: settings.name }),
      }),
    log,
  });
  undo.push(() => api.app.close());
  const tls = await listenTls(settings, authority, api.routing, {
    ownName: (name) => (name === settings.domain ? (own.find(name) ?? acme.find(name)) : null),
    ...{ crowd, peer, log },
  });
  undo.push(() => closeServer(tls));
  const plain = await listenPlain(settings.httpListen, api.routing, crowd);
  if (plain) undo.push(() => closeServer(plain));
  port = portOfServer(tls);
  const local = enrolLocalNode(settings, authority, port);
  localId = local.id;
  rememberLocalNode(store, local);
  dispatch.attach(tls);
  undo.push(dispatch.stop);
  const reconcile = startReconcile({
    store,
    states,
    certificates,
    ...{ discovery, carrying, registries, assignments },
    presence: () => settings.presence,
    onSilence: recordSilence,
    send: dispatch.assign,
    log,
  });
  undo.push(reconcile.stop);
  undo.push(watchOwn({ store, states, own, onChange: serveAnew, log }).stop);
  undo.push(acme.start());
  undo.push(sources.start(log));
  const pushed = { store, commands, own, settings: apiSettings, log };
  undo.push(startInfraPushes({ ...pushed, dispatch, secretValues }).stop);
  undo.push(startHooks({ ...pushed, unseal: authority.keys.unseal }).stop);
  const url = `https://${reachable(settings.listen.host)}:${port}`;
  writeFileAtomic(join(home, 'cluster.url'), `${url}\n`, 0o644);
  if (settings.runsAgent) undo.push(runLocalAgent({ home, restart: local.changed, log }).stop);
  log.info({ url, home, version }, 'the master is up');
  return { url, reload, stop: () => runAll(undo) };
}

function tellUnreadable(log: Log, places: readonly string[]): void {
  if (places.length > 0) log.error({ places }, 'what is sealed there can not be opened, and stays as it is');
}

/** A word is asked for three times before its silence counts, and often enough for the agent, whose patience is no setting. */
const timingOf = (silenceMs: number) => ({
  heartbeatMs: Math.min(silenceMs / 3, HEARTBEAT_MS),
  livenessMs: silenceMs,
});
