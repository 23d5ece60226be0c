/** The API over Fastify's inject: no socket, a real store, and commands that only note what they were asked. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Test } from 'tap';
import { createAccess } from '../../master/access.js';
import { openAuthority } from '../../master/authority.js';
import { createDeployKeys } from '../../master/control/deploy-keys.js';
import { createEnrol } from '../../master/control/enrol.js';
import { createJoinTokens } from '../../master/control/join-tokens.js';
import { createSecrets } from '../../master/control/secrets.js';
import { createStates } from '../../master/control/states.js';
import { createApi } from '../../master/http/api.js';
import { createLogger } from '../../master/http/logger.js';
import type { Certificates, Commands, Live } from '../../master/http/ports.js';
import { createNodeFiles } from '../../master/node-files.js';
import { createRegistryCredentials } from '../../master/registry-credentials.js';
import { openStore, type Store } from '../../master/store/store.js';
import { createHooks } from '../../master/webhooks.js';
import { OrcaError } from '../../shared/errors.js';
import { NOTHING_ALLOWED, type SecurityRules } from '../../shared/permit.js';
import { aNode, anAllocation, aRelease, aRollout, aService } from './a-model.js';

export interface Asked {
  name: keyof Commands;
  args: unknown[];
}

export async function anApi(
  t: Test,
  more: {
    commands?: Partial<Commands>;
    live?: Partial<Live>;
    certificates?: Partial<Certificates>;
    security?: SecurityRules;
  } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'orca-api-'));
  const store = openStore(join(folder, 'cluster.db'));
  t.teardown(async () => {
    await app.close();
    access.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const asked: Asked[] = [];
  const noting =
    (name: keyof Commands, answer: unknown) =>
    (...args: unknown[]): never => {
      asked.push({ name, args });
      return answer as never;
    };
  const commands: Commands = {
    deploy: noting('deploy', [{ service: 'api', id: null, change: 'update' }]),
    plan: noting('plan', [aPlan('create')]),
    scale: noting('scale', undefined),
    rollback: noting('rollback', 'r-9'),
    planRollback: noting('planRollback', aPlan('roll')),
    redeploy: noting('redeploy', 'r-9'),
    renew: noting('renew', 'r-9'),
    promote: noting('promote', 'r-9'),
    planPromote: noting('planPromote', aPlan('update')),
    cancelBuild: noting('cancelBuild', undefined),
    pause: noting('pause', undefined),
    resume: noting('resume', undefined),
    maintenance: noting('maintenance', undefined),
    unserved: () => null,
    start: noting('start', undefined),
    stop: noting('stop', undefined),
    remove: noting('remove', undefined),
    cordon: noting('cordon', undefined),
    drain: noting('drain', undefined),
    undrain: noting('undrain', undefined),
    label: noting('label', { zone: 'eu-1' }),
    role: noting('role', undefined),
    removeNode: noting('removeNode', ''),
    rebalance: noting('rebalance', [{ allocation: { id: 'shop.api.1' }, from: 'node-1', to: 'node-2' }]),
    ...more.commands,
  };
  const live: Live = {
    heardAtMs: () => 4_000,
    conflict: () => null,
    inFlight: () => null,
    figures: () => [],
    openLogs: () => {
      throw new OrcaError('NODE_UNREACHABLE', 'node n-1 has no live session');
    },
    ...more.live,
  };
  const authority = openAuthority(folder, Date.now());
  const joinTokens = createJoinTokens(store, authority.caFingerprint);
  const { keys } = authority;
  const access = createAccess({
    ...{
      home: folder,
      store,
      version: '1',
      caFingerprint: authority.caFingerprint,
      log: createLogger('silent'),
    },
    settings: () => ({
      auditRetentionMs: 86_400_000,
      tokens: [
        { name: 'admin', role: 'admin', projects: null, value: 'good' },
        { name: 'hands', role: 'deployer', projects: null, value: 'push' },
        { name: 'eyes', role: 'viewer', projects: null, value: 'look' },
      ],
    }),
  });
  const secrets = createSecrets({ store, states: createStates(store), ...keys });
  const { app, routes } = await createApi({
    store,
    commands,
    deployKeys: createDeployKeys(store, secrets),
    cleanUp: async () => ({ nodes: [] }),
    secrets: {
      ...secrets,
      rotateKey: () => keys.rotate(store),
    },
    registries: createRegistryCredentials({
      store,
      states: createStates(store),
      keys,
      log: createLogger('silent'),
      wake: () => undefined,
    }),
    certificates: { ...noCertificates, ca: authority.caPem, ...more.certificates },
    enrolment: {
      ...createEnrol(store, authority, () => 'c'),
      createToken: joinTokens.create,
      revokeToken: joinTokens.revoke,
    },
    hooks: createHooks({
      ...{ store, authority, apiPort: () => 6_880 },
      settings: () => ({
        ...{ domain: 'orca.example.com', acme: null, advertise: null },
        ...{
          listen: { host: '0.0.0.0', port: 6_880 },
          proxy: { httpPort: 80, httpsPort: 443, caddy: 'auto', trustedProxies: [] },
        },
      }),
    }),
    upgrade: async () => {
      throw new Error('no agent is upgraded here');
    },
    nodeFiles: createNodeFiles('1.2.3', authority.caPem),
    peer: () => null,
    live,
    settings: () => ({
      cluster_id: 'c0',
      cluster_name: 'c',
      domain: 'orca.example.com',
      acme_email: null,
      version: '1',
      httpPort: 80,
      httpsPort: 443,
      home: '/var/lib/orca',
      security: more.security ?? NOTHING_ALLOWED,
      ownPorts: [80, 443, 6_880],
      imagesPrefix: 'registry.example.com/orca',
    }),
    access,
    reload: async () => 'done',
    adopt: { show: async () => nothingToAdopt, apply: async () => nothingToAdopt },
    backup: async () => Readable.from(['the archive']),
    log: createLogger('silent'),
  });
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    payload?: string | object,
    token = 'good',
    headers: Record<string, string> = {},
  ) => {
    const answer = await app.inject({
      method,
      url: url === '/metrics' ? url : `/api/v1${url}`,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        'content-type': 'application/json',
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    });
    return {
      status: answer.statusCode,
      body: answer.body,
      // Many lines are no JSON.
      json: answer.body.startsWith('{') && !/\}\n./.test(answer.body) ? answer.json() : null,
    };
  };
  return { store, asked, call, app, access, routes, folder };
}

const noCertificates: Omit<Certificates, 'ca'> = {
  add: () => {
    throw new OrcaError('CONFIG_INVALID', 'no certificate is taken here');
  },
  remove: () => {
    throw new OrcaError('NOT_FOUND', 'there is none');
  },
  problemOf: () => null,
  own: () => null,
  uploads: () => [],
  refusals: () => new Map(),
  notPublic: () => null,
  isOrdered: () => false,
  wildcardOf: () => null,
  isAcmeOff: () => false,
  retry: () => 'nothing is tried here',
};

const nothingToAdopt = { nodes: [], away: [], services: [], idle: [], missing: [], conflicts: [] };

const aPlan = (action: string) => ({
  service: 'api',
  action,
  changes: [],
  steps: [],
  error: null,
  code: null,
  hint: null,
});

export function withService(store: Store): void {
  store.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease());
    tx.putRollout(aRollout({ state: 'succeeded', endedAtMs: 9 }));
    tx.putAllocation(anAllocation());
    tx.putNode(aNode());
  });
}
