import t from 'tap';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { serviceSpecSchema } from '../../../../shared/spec.js';
import { aService, refusal } from './a-service.js';

const parse = (keys: Record<string, unknown>) => parseServiceBody(aService(keys), 'services[0]');
const refused = (keys: Record<string, unknown>) => refusal(() => parse(keys));

t.test('the least service gets every default', async (t) => {
  const spec = parse({});
  t.same(spec, serviceSpecSchema.parse(spec));
  t.match(spec, {
    project: 'default',
    replicas: 1,
    routes: ['/*'],
    domains: [],
    internal: false,
    deploy: {
      strategy: 'rolling',
      maxUnavailable: 1,
      maxSurge: 1,
      drainTimeoutMs: 30_000,
      stopGraceMs: 10_000,
      progressDeadlineMs: 300_000,
      minHealthyMs: 0,
      autoRollback: true,
    },
    container: {
      pull: 'if-not-present',
      command: null,
      entrypoint: null,
      liveness: null,
      readiness: { kind: 'stays-up', forMs: 5_000 },
    },
  });
});

t.test('an image that may move is pulled each time', async (t) => {
  const pulls: Record<string, string> = {
    nginx: 'always',
    'nginx:latest': 'always',
    'nginx:1': 'if-not-present',
    'host:5000/nginx': 'always',
    'host:5000/team/nginx:2': 'if-not-present',
    [`nginx@sha256:${'a'.repeat(64)}`]: 'if-not-present',
  };
  for (const [image, pull] of Object.entries(pulls)) t.equal(parse({ image }).container.pull, pull, image);
  t.equal(parse({ image: 'nginx', pull: 'never' }).container.pull, 'never');
});

t.test('readiness is what was asked, else the port, else staying up', async (t) => {
  t.match(parse({ port: 80 }).container.readiness, {
    kind: 'tcp',
    port: 80,
    intervalMs: 1_000,
    timeoutMs: 3_000,
    failureThreshold: 3,
    initialDelayMs: 0,
  });
  t.match(parse({ port: 80, health: '/h' }).container.readiness, { kind: 'http', path: '/h', port: 80 });
  t.match(parse({ port: 80, health: '/h', readiness: { interval_secs: 0.5 } }).container.readiness, {
    path: '/h',
    intervalMs: 500,
  });
  t.match(parse({ port: 80, readiness: { path: '/r', port: 81 } }).container.readiness, {
    kind: 'http',
    path: '/r',
    port: 81,
  });
  t.match(parse({ readiness: { command: ['true'] } }).container.readiness, {
    kind: 'command',
    command: ['true'],
  });
  t.match(parse({ port: 80, liveness: { path: '/l' } }).container.liveness, {
    kind: 'http',
    intervalMs: 10_000,
  });
});

t.test('values are brought into one form', async (t) => {
  const spec = parse({
    port: 80,
    domain: 'API.Example.com',
    mounts: ['/a:/b:ro', '/c:/d'],
    extra_ports: ['53:5353/udp'],
    resources: { memory: '512Mi', cpu: 0.5 },
  });
  t.same(spec.domains, ['api.example.com']);
  t.same(spec.container.mounts, [
    { source: '/a', target: '/b', readOnly: true },
    { source: '/c', target: '/d', readOnly: false },
  ]);
  t.same(spec.container.extraPorts, [{ host: 53, container: 5353, protocol: 'udp' }]);
  t.same(spec.container.resources, { memoryBytes: 512 * 1024 ** 2, cpus: 0.5 });
  t.equal(parse({ resources: { memory: '1g' } }).container.resources.memoryBytes, 1024 ** 3);
  t.equal(parse({ resources: { memory: 10_485_760 } }).container.resources.memoryBytes, 10_485_760);
});

t.test('null is unset, at every depth', async (t) => {
  const spec = parse({
    port: null,
    domain: null,
    readiness: { path: null, tcp: null },
    resources: null,
    deploy: { max_surge: null },
  });
  t.same(spec, parse({}));
});

t.test('each wrong value is refused with its key', async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ name: 'My_Api' }, /^services\[0\]: name: must be lower-case/],
    [{ name: 'a'.repeat(64) }, /name: /],
    [{ image: undefined }, /image: is required/],
    [{ image: 'Nginx:1' }, /image: must be an image/],
    [{ image: 'nginx latest' }, /image: /],
    [{ replicas: 1_001 }, /replicas: must be at most 1000/],
    [{ replicas: -1 }, /replicas: must be at least 0/],
    [{ replicas: 1.5 }, /replicas: must be a whole number/],
    [{ replicas: '3' }, /replicas: must be a number; it is "3"/],
    [{ port: 0 }, /port: must be at least 1/],
    [{ port: 65_536 }, /port: must be at most 65535/],
    [{ domain: 'a.com' }, /port: is required with a domain/],
    [{ port: 80, domain: 'https://a.com' }, /domain: .*without "https/],
    [{ port: 80, domain: 'a.com:8080' }, /domain: .*without a port/],
    [{ port: 80, domain: 'a b.com' }, /domain: /],
    [{ port: 80, domain: '{host}' }, /domain: /],
    [{ port: 80, domain: 'a.*.com' }, /domain: /],
    [{ port: 80, domain: '10.0.0' }, /domain: .*a whole IPv4 address/],
    [{ port: 80, domain: '*.10.0.0.1' }, /domain: .*a whole IPv4 address/],
    [{ port: 80, domain: '10.0.0.1:8443' }, /domain: .*without a port/],
    [{ port: 80, domain: '[::1]' }, /domain: .*without a port/],
    [{ port: 80, domain: 'Master.orca.internal' }, /domain: must not be of \.orca\.internal/],
    [{ port: 80, domain: '*.orca.internal' }, /domain: must not be of \.orca\.internal/],
    [{ port: 80, domain: 'münchen.de' }, /domain: must be written as "xn--mnchen-3ya.de"/],
    [{ port: 80, domain: 'a.com', domains: ['b.com'] }, /domain: write domain or domains/],
    [{ port: 80, domains: ['a.com', 'A.com'] }, /domains\[1\]: "a.com" is listed twice/],
    [{ port: 80, domain: 'a.com', routes: ['api'] }, /routes\[0\]: must start with/],
    [{ port: 80, domain: 'a.com', routes: ['/{x}'] }, /routes\[0\]: .*no "\{"/],
    [{ routes: ['/api'] }, /routes: has no effect without a domain/],
    [{ mounts: ['a:/b'] }, /mounts\[0\]: must be "\/host/],
    [{ mounts: ['/a:/x', '/b:/x'] }, /mounts\[1\]: something else is mounted/],
    [{ extra_ports: ['80'] }, /extra_ports\[0\]: must be "host:container"/],
    [{ extra_ports: ['70000:80'] }, /extra_ports\[0\]/],
    [{ extra_ports: ['80:1', '80:2'] }, /extra_ports\[1\]: host port 80 is used twice/],
    [{ resources: { memory: '1Mi' } }, /resources.memory: must be at least 6Mi/],
    [{ resources: { memory: 'lots' } }, /resources.memory: must be a size/],
    [{ resources: { cpu: 0 } }, /resources.cpu: must be at least 0.01/],
    [{ deploy: { drain_timeout_secs: '30s' } }, /deploy.drain_timeout_secs: must be a number/],
    [{ deploy: { drain_timeout_secs: -1 } }, /deploy.drain_timeout_secs: must be at least 0/],
    [{ deploy: { canary_weight: 101 } }, /deploy.canary_weight: must be at most 100/],
    [{ deploy: { max_surge: 0, max_unavailable: 0 } }, /deploy.max_surge: .*nothing could ever be replaced/],
    [
      { deploy: { strategy: 'roling' } },
      /deploy.strategy: must be "rolling" or "canary".*did you mean "rolling"/,
    ],
    [{ port: 80, readiness: { path: '/a', tcp: true } }, /readiness.tcp: choose one of/],
    [{ port: 80, readiness: { path: '/a' }, health: '/b' }, /health: is a shorthand/],
    [{ readiness: { path: '/a' } }, /readiness.path: needs a port/],
    [{ liveness: { interval_secs: 3 } }, /liveness: needs path/],
    [{ port: 80, health: 'healthz' }, /health: must start with/],
    [{ depends_on: ['api'] }, /depends_on\[0\]: a service can not depend on itself/],
    [{ env: { PORT: 80 } }, /env.PORT: must be a text; it is 80 \(write it in quotes: "80"\)/],
    [{ env: { 'A=B': 'x' } }, /env/],
    [{ command: 'serve' }, /command: must be a list/],
    [{ pull: 'sometimes' }, /pull: must be "always"/],
    [{ tls_cert: 'a.pem' }, /tls_key: is required/],
    [
      {
        volumes: [
          { name: 'a', path: '/x' },
          { name: 'a', path: '/y' },
        ],
      },
      /volumes\[1\].name: "a" is used twice/,
    ],
    [{ build: {} }, /build.repo: is required/],
  ];
  for (const [keys, expected] of cases) t.match(await refused(keys), expected, JSON.stringify(keys));
  for (const value of [null, 3, 'x', []])
    t.match(await refusal(() => parseServiceBody(value, 'w')), /^w: must be a table/);
});

t.test('an unknown key is answered with the nearest right one', async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ imge: 'x' }, /imge: unknown key; did you mean image\?/],
    [{ readiness: { pth: '/' } }, /readiness.pth: unknown key; did you mean readiness.path\?/],
    [{ 'depends-on': [] }, /did you mean depends_on/],
    [{ environment: {} }, /did you mean env\?/],
    [{ max_surge: 1 }, /max_surge: unknown key here; did you mean deploy.max_surge\?/],
    [{ cpus: 1 }, /did you mean resources.cpu/],
    [
      { deploy: { replicas: 1 } },
      /deploy.replicas: unknown key here; replicas belongs at the service's own level/,
    ],
    [
      { volumes: [{ name: 'a', pth: '/x' }] },
      /volumes\[0\].pth: unknown key; did you mean volumes\[0\].path/,
    ],
    [{ xyzzy: 1 }, /xyzzy: unknown key; known here: name, /],
  ];
  for (const [keys, expected] of cases) t.match(await refused(keys), expected, JSON.stringify(keys));
});

t.test('all problems are told at once, and stand in the details', async (t) => {
  try {
    parse({ imge: 'x', replicas: -1, port: 'p' });
    t.fail('was not refused');
  } catch (error) {
    t.match(error, {
      code: 'CONFIG_INVALID',
      exit: 2,
      details: { problems: Array.from({ length: 3 }, () => ({ key: String })) },
    });
    t.equal((error as Error).message.split('\n').length, 3);
  }
});

t.test('no key reaches a prototype', async (t) => {
  for (const text of [
    '{"name":"api","image":"nginx","__proto__":{"polluted":1}}',
    '{"name":"api","image":"nginx","env":{"__proto__":"x"}}',
    '{"name":"api","image":"nginx","placement":{"labels":{"__proto__":{"polluted":"x"}}}}',
    '{"name":"api","image":"nginx","constructor":{"prototype":{"polluted":1}}}',
  ]) {
    t.match(await refusal(() => parseServiceBody(JSON.parse(text), 'w')), /unknown key/, text);
  }
  t.notOk('polluted' in {});
});

t.test('one wrong key does not hide what is wrong between the others', async (t) => {
  const clash = { command: ['a'], cmd: ['b'] };
  t.match(await refused({ replicas: -1, ...clash }), /replicas: .*\n.*cmd: is the older name/s);
  t.match(
    await refused({ replica: 2, domain: 'a.test' }),
    /replica: unknown key.*\n.*port: is required with a domain/s,
  );
  t.notMatch(
    await refused({ image: 'NOT an image', ...clash }),
    /cmd:/,
    'what looks at the wrong key is not asked',
  );
  t.notMatch(
    await refused({ domian: 'a.test', routes: ['/a/*'] }),
    /routes:/,
    'nor what looks at the one meant',
  );
});
