/** Files and clients made for the Rust Orca (0.3) work against this one, or are told what to say instead. */
import t from 'tap';
import { nodeAppImage } from '../support/images.js';
import { startOrca } from '../support/orca.js';
import { waitFor } from '../support/wait-for.js';

const orca = await startOrca();
t.teardown(() => orca.stop());
await nodeAppImage({ tag: 'orca-e2e/compat:v1', env: { RELEASE: 'v1' } });

const file = `
[[service]]
name = "shop"
runtime = "container"
image = "orca-e2e/compat:v1"
replicas = "auto"
port = 8080
domain = "shop.localhost"
pull_policy = "never"
network = "shop"
restart_policy = "always"
cmd = ["/bin/node", "/app/app.js", "from-cmd"]
volume = { path = "/data", size = "1Gi" }

[service.env]
RELEASE = "shop"

[service.readiness]
path = "/health"
port = 8080
interval_secs = 1
`;

/** As its client sends it: unset options are null, lists are always there. */
const body = {
  services: [
    {
      name: 'api',
      project: 'legacy',
      runtime: 'container',
      image: 'orca-e2e/compat:v1',
      module: null,
      replicas: 2,
      port: 8080,
      host_port: null,
      domain: 'api.localhost',
      domains: [],
      routes: [],
      health: '/health',
      readiness: null,
      liveness: null,
      env: { RELEASE: 'api' },
      resources: null,
      volume: null,
      deploy: null,
      placement: null,
      network: null,
      aliases: [],
      mounts: [],
      triggers: [],
      assets: null,
      build: null,
      tls_cert: null,
      tls_key: null,
      internal: false,
      depends_on: [],
      cmd: [],
      extra_ports: [],
      strip_prefix: null,
      pull_policy: 'never',
      restart_policy: null,
    },
  ],
};

t.test('its service.toml loads and runs', async (t) => {
  const result = await orca.deploy(file);
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await orca.get('shop.localhost')).headers['x-release'], 'shop');
  t.match((await orca.get('shop.localhost', '/argv')).body, /from-cmd/);
  await orca.get('shop.localhost', '/write?file=/data/kept&text=still-here');
});

t.test('its volume outlives the container', async (t) => {
  const result = await orca.run(['redeploy', 'shop']);
  t.equal(result.code, 0, result.stdout + result.stderr);
  t.equal((await orca.get('shop.localhost', '/read?file=/data/kept')).body, 'still-here');
});

t.test('what has no meaning here is refused with what to do instead', async (t) => {
  const wrong: [string, RegExp][] = [
    ['runtime = "wasm"', /runtime/],
    ['assets = "dist"', /assets/],
    ['triggers = ["cron:* * * * *"]', /triggers/],
  ];
  for (const [line, names] of wrong) {
    orca.write('old/service.toml', file.replace('runtime = "container"', line));
    const result = await orca.run(['deploy', '-f', 'old/service.toml']);
    t.equal(result.code, 2, line);
    t.match(result.stderr, names);
    t.match(result.stderr, /service\.toml:\d+/);
  }
});

t.test('its deploy request is accepted, and answered as it knows', async (t) => {
  const answer = await orca.api('POST', '/deploy', body);
  t.equal(answer.status, 200, answer.body);
  t.match(JSON.parse(answer.body), { deployed: ['api'], errors: [] });
  await waitFor('two copies', async () => (await orca.service('api')).running_replicas === 2);
  t.equal((await orca.get('api.localhost')).headers['x-release'], 'api');
});

t.test('with ?wait= the answer comes when it runs', async (t) => {
  const changed = { services: [{ ...body.services[0], env: { RELEASE: 'second' } }] };
  const answer = await orca.api('POST', '/deploy?wait=2m', changed);
  t.equal(answer.status, 200, answer.body);
  t.match(JSON.parse(answer.body), { deployed: ['api'] });
  t.equal((await orca.get('api.localhost')).headers['x-release'], 'second');
});

t.test('one that fails of two is 206, a body with a mistake is 400 and deploys nothing', async (t) => {
  const good = { ...body.services[0], env: { RELEASE: 'third' } };
  const absent = {
    ...body.services[0],
    name: 'absent',
    image: 'orca-e2e/absent:v1',
    domain: 'absent.localhost',
  };
  const some = await orca.api('POST', '/deploy?wait=1m', { services: [good, absent] });
  t.equal(some.status, 206, some.body);
  t.match(JSON.parse(some.body), { deployed: ['api'], errors: [{ service: 'absent' }] });
  const none = await orca.api('POST', '/deploy?wait=1m', { services: [absent] });
  t.equal(none.status, 500, none.body);
  await orca.api('DELETE', '/services/absent?purge=true');
  const wrong = {
    ...good,
    name: 'wrong',
    domain: 'wrong.localhost',
    deploy: { strategy: 'canary', canary_steps: [9, 5] },
  };
  const before = (await orca.service('api')).release;
  const refused = await orca.api('POST', '/deploy', { services: [{ ...good, env: {} }, wrong] });
  t.equal(refused.status, 400, refused.body);
  t.equal((await orca.service('api')).release, before);
});

t.test('status has the fields it reads', async (t) => {
  const status = await orca.api('GET', '/status?project=legacy');
  const { cluster_name, services } = JSON.parse(status.body);
  t.equal(cluster_name, orca.cluster);
  t.equal(services.length, 1);
  t.match(services[0], {
    name: 'api',
    project: 'legacy',
    image: 'orca-e2e/compat:v1',
    runtime: 'container',
    desired_replicas: 2,
    domain: 'api.localhost',
    depends_on: [],
  });
  const info = JSON.parse((await orca.api('GET', '/cluster/info')).body);
  t.match(info, { cluster_name: orca.cluster, node_count: 1, nodes: [{ drain: false, labels: {} }] });
  t.ok(info.nodes[0].node_id && info.nodes[0].address && info.nodes[0].last_heartbeat);
});

t.test('scale, stop, start, redeploy, rollback and delete answer as it knows', async (t) => {
  const scaled = await orca.api('POST', '/services/api/scale', { replicas: 1 });
  t.equal(scaled.status, 200, scaled.body);
  t.match(JSON.parse(scaled.body), { service: 'api', replicas: 1 });
  for (const verb of ['stop', 'start', 'redeploy', 'rollback']) {
    const answer = await orca.api('POST', `/services/api/${verb}`);
    t.equal(answer.status, 200, `${verb}: ${answer.body}`);
    t.type(JSON.parse(answer.body).ok, 'string', verb);
  }
  t.equal((await orca.api('DELETE', '/services/api')).status, 200);
  await orca.serviceThat('api', 'to be stopped', (seen) => seen.status === 'stopped');
  const deleted = await orca.api('DELETE', '/projects/legacy');
  t.equal(deleted.status, 200, deleted.body);
  t.hasProps(JSON.parse(deleted.body), ['ok', 'stopped']);
});
