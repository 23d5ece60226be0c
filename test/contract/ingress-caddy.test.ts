/** What is compiled, against a real Caddy: every golden file loads, and its admin API behaves as the client expects. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { caddyTraits } from '../../proxy-config/caddy-version.js';
import { compile, FINGERPRINT_PATH, srvNamesOf } from '../../proxy-config/compile.js';
import { ingressPaths, makeIngressFolders } from '../../proxy-config/paths.js';
import { ingressSchema } from '../../proxy-config/route.js';
import { createSidecar } from '../../proxy-config/sidecar.js';
import { freePorts } from '../support/free-port.js';

const folder = new URL('../../../test/golden/', import.meta.url);
const home = mkdtempSync(join(tmpdir(), 'orca-caddy-'));
const paths = ingressPaths(home);
makeIngressFolders(home, paths);
const sidecar = createSidecar(paths, () => {});
const [httpPort = 0, httpsPort = 0] = await freePorts(2);
const ports = { httpPort, httpsPort };
t.teardown(async () => {
  await sidecar.shutdown();
  sidecar.stop();
  rmSync(home, { recursive: true, force: true });
});

const started = await sidecar.ensure(process.env.ORCA_TEST_CADDY ?? 'auto');
const { admin } = sidecar;

t.test('Caddy starts, says its version, and only its owner reaches its socket', async (t) => {
  t.match(started, { state: 'running', reason: null, version: /^\d+\.\d+\.\d+/ });
  t.equal(statSync(home).mode & 0o777, 0o700);
  t.match(await sidecar.ensure('/nowhere/caddy'), { state: 'running' }, 'one that runs is not looked for');
});

for (const file of readdirSync(folder).filter((name) => /^caddy-.*\.json$/.test(name))) {
  t.test(`${file} loads, and Caddy then shows its fingerprint`, async (t) => {
    const { input } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const compiled = compile({
      ingress: { ...ingressSchema.parse(input.ingress), ...ports },
      resolver: input.resolver,
      trafficPort: input.trafficPort ?? null,
      adminSocketPath: paths.adminSocket,
      storageRoot: paths.storageRoot,
      logFile: paths.caddyLog,
      traits: caddyTraits(started.version),
      closingFolder: paths.closing,
      fallback: new Map(Object.entries(input.fallback)),
    });
    await admin.load(compiled.config);
    t.equal(await admin.config(FINGERPRINT_PATH), compiled.fingerprint);
    t.same(srvNamesOf(await admin.config()), srvNamesOf(compiled.config));
  });
}

t.test('a config with an unknown field is refused with Caddy’s text, the old one stays', async (t) => {
  const before = await admin.config(FINGERPRINT_PATH);
  const bad = {
    admin: { listen: `unix/${paths.adminSocket}`, origins: ['localhost'] },
    apps: { http: { nonsense: 1 } },
  };
  await t.rejects(admin.load(bad), /Caddy answered 400: .*nonsense/);
  t.equal(await admin.config(FINGERPRINT_PATH), before);
});

t.test('nothing in flight is an empty map, a path without config is null', async (t) => {
  t.equal([...(await admin.upstreams()).values()].filter((n) => n > 0).length, 0);
  t.equal(await admin.config('apps/http/servers/none/@id'), null);
});
