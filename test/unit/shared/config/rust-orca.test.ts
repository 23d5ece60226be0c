import t from 'tap';
import { parseClusterToml } from '../../../../shared/config/cluster.js';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { aService, refusal } from './a-service.js';

const parse = (keys: Record<string, unknown>) => parseServiceBody(aService(keys), 'w');
const refused = (keys: Record<string, unknown>) => refusal(() => parse(keys));

t.test('the older keys of the Rust Orca load', async (t) => {
  const spec = parse({
    runtime: 'container',
    cmd: ['serve'],
    pull_policy: 'ifnotpresent',
    image: 'nginx:latest',
    replicas: 'auto',
    volume: { path: '/data', size: '10Gi' },
    port: 80,
    host_port: 8080,
    network: 'backend',
    domain: 'a.com',
    strip_prefix: '/api/',
    restart_policy: 'always',
    readiness: { path: '/r', port: 81 },
  });
  t.match(spec, { replicas: 1, stripPrefix: '/api' });
  t.match(spec.container, {
    command: ['serve'],
    pull: 'if-not-present',
    volumes: [{ name: 'data', path: '/data' }],
    extraPorts: [{ host: 8080, container: 80, protocol: 'tcp' }],
    readiness: { port: 81 },
  });
});

t.test('a body of a Rust client loads: unset options null, lists always', async (t) => {
  const spec = parse({
    runtime: 'container',
    module: null,
    triggers: [],
    assets: null,
    cmd: [],
    domain: 'a.com',
    domains: [],
    routes: [],
    aliases: [],
    mounts: [],
    extra_ports: [],
    depends_on: [],
    port: 80,
    host_port: null,
    resources: { memory: '64Mi', cpu: null, gpu: null },
    placement: { node: null, labels: {} },
    pull_policy: 'auto',
  });
  t.match(spec, { domains: ['a.com'], routes: ['/*'], container: { command: null } });
});

t.test('what has no meaning here is refused with what to do instead', async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ runtime: 'wasm' }, /runtime: "wasm" is not run here; package .* image/],
    [{ module: './a.wasm' }, /module: .*set image/],
    [{ triggers: ['cron:* * * * *'] }, /triggers: .*domain and routes/],
    [{ assets: './public' }, /assets: .*image/],
    [{ resources: { gpu: { count: 1 } } }, /resources.gpu: .*placement.node/],
    [{ deploy: { strategy: 'blue-green' } }, /deploy.strategy: .*"canary".*canary_steps = \[0\]/],
    [{ restart_policy: 'no' }, /restart_policy: /],
    [{ cmd: ['a'], command: ['b'] }, /cmd: is the older name of command/],
    [{ pull: 'always', pull_policy: 'auto' }, /pull_policy: is the older name of pull/],
    [{ volume: { path: '/a' }, volumes: [{ name: 'b', path: '/b' }] }, /volume: is the older form/],
    [{ host_port: 80 }, /host_port: needs port/],
  ];
  for (const [keys, expected] of cases) t.match(await refused(keys), expected, JSON.stringify(keys));
});

t.test('its cluster.toml loads: tokens, api_port, api_bind', async (t) => {
  const text =
    'api_tokens = ["t1"]\n[cluster]\nname = "p"\napi_port = 7000\napi_bind = "127.0.0.1"\n[[node]]\naddress = "10.0.0.1"\nlabels = { zone = "a" }\n[[token]]\nname = "ci"\nvalue = "t2"\nrole = "deployer"\n';
  const config = await parseClusterToml(text, 'cluster.toml');
  t.match(config, {
    name: 'p',
    listen: '127.0.0.1:7000',
    nodes: [{ name: null, address: '10.0.0.1', labels: { zone: 'a' } }],
    tokens: [
      { name: 'ci', value: 't2', role: 'deployer' },
      { value: 't1', role: 'admin' },
    ],
  });
  t.match(
    await refusal(() => parseClusterToml('[ai]\nmodel = "x"\n', 'c.toml')),
    /^c.toml:1:2: ai: .*remove/,
  );
});
