import fc from 'fast-check';
import t from 'tap';
import { caddyTraits } from '../../../proxy-config/caddy-version.js';
import {
  bootConfig,
  compile,
  configFingerprint,
  configKey,
  refreshMsFor,
  srvNamesOf,
} from '../../../proxy-config/compile.js';
import type { Certificate, Ingress, Route, RoutedAllocation } from '../../../proxy-config/route.js';
import { plainRoute } from '../../support/plain-route.js';

const certificate = (name: string) => ({ names: [name], certPem: `cert ${name}`, keyPem: `key ${name}` });
const aRoute = (name: string, over: Partial<Route> = {}): Route => ({
  service: `p/${name}`,
  srvName: `${name}.p.orca`,
  domains: [`${name}.test`],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations: [],
  ...over,
});
const traits = { keepsBodies: false, servesAccepted: true, keepsStreams: false };
const shown = { certificatePort: 61_004, certificateKey: 'a-password' };
const compiled = (
  over: Partial<Ingress>,
  fallback: ReadonlyMap<string, string[]> = new Map(),
  trafficPort: number | null = 61_003,
) => compile({ ...inputOf(over), fallback, trafficPort });
function inputOf(over: Partial<Ingress>) {
  return {
    ingress: {
      httpPort: 80,
      httpsPort: 443,
      caddy: 'auto',
      routes: [aRoute('a'), aRoute('b')],
      certificates: [certificate('a.test'), certificate('b.test')],
      fallbackCertificate: certificate('orca.invalid'),
      ...over,
    },
    trafficPort: null,
    resolver: { srvTcpPort: 61_001, dnsUdpPort: 61_001, sorryPort: 61_002, ...shown },
    adminSocketPath: '/home/caddy.sock',
    storageRoot: '/home/storage',
    logFile: null,
    traits,
    closingFolder: '/home/ingress/closing',
    fallback: new Map(),
  };
}

t.test('the fingerprint stands in the config, and is not part of itself', async (t) => {
  const { config, fingerprint } = compiled({});
  t.match(JSON.stringify(config), fingerprint);
  t.equal(configFingerprint(config), fingerprint);
});

t.test('domains, paths, certificates and ports change the fingerprint', async (t) => {
  const { fingerprint } = compiled({});
  const others: Partial<Ingress>[] = [
    { routes: [aRoute('a'), aRoute('b', { domains: ['c.test'] })] },
    { routes: [aRoute('a'), aRoute('b', { paths: ['/x/*'] })] },
    { routes: [aRoute('a')] },
    { certificates: [certificate('a.test')] },
    { httpsPort: 8443 },
    { routes: [aRoute('a', { httpOnly: true }), aRoute('b')] },
    { trustedProxies: ['10.0.0.0/8'] },
    { hsts: [{ value: 'max-age=60', names: ['a.test'] }] },
  ];
  for (const other of others) t.not(compiled(other).fingerprint, fingerprint);
});

t.test('membership, weights and fallbacks never change the fingerprint, nor does any order', async (t) => {
  const { fingerprint } = compiled({});
  const allocation = fc.record({
    id: fc.string(),
    node: fc.string(),
    group: fc.constantFrom('stable', 'canary'),
    desired: fc.constantFrom('routed', 'draining'),
    endpoint: fc.option(fc.record({ address: fc.ipV4(), port: fc.nat(65_535) }), { nil: null }),
  }) as fc.Arbitrary<RoutedAllocation>;
  const input = fc.tuple(
    fc.array(allocation),
    fc.nat(100),
    fc.boolean(),
    fc.boolean(),
    fc.array(fc.string()),
  );
  fc.assert(
    fc.property(input, ([allocations, canaryWeight, wanted, reversed, dials]) => {
      const routes = [aRoute('a', { allocations, canaryWeight, wanted }), aRoute('b')];
      const certificates = [certificate('a.test'), certificate('b.test')];
      const order = reversed
        ? { routes: routes.reverse(), certificates: certificates.reverse() }
        : { routes, certificates };
      t.equal(compiled(order, new Map([['p/a', dials]])).fingerprint, fingerprint);
    }),
    { numRuns: 200 },
  );
});

t.test(
  'a measured service is one more input: with a port a log, without one as if it were not',
  async (t) => {
    const routes = [aRoute('a', { measured: true }), aRoute('b')];
    const plain = compiled({});
    const measured = compiled({ routes });
    t.not(measured.fingerprint, plain.fingerprint);
    t.match(JSON.stringify(measured.config), '"address":"udp/127.0.0.1:61003"');
    t.same(compiled({ routes }, new Map(), null), compiled({}, new Map(), null));
    t.same(compiled({}, new Map(), null).config, plain.config, 'nor does a port change anything alone');
  },
);

t.test('fallback upstreams stand in the handlers of their service only', async (t) => {
  const text = JSON.stringify(compiled({}, new Map([['p/a', ['10.0.0.1:80']]])).config);
  t.equal(text.split('"upstreams":[{"dial":"10.0.0.1:80"}]').length - 1, 3, 'with and without retries');
});

t.test('the SRV names of a config are its services', async (t) => {
  t.same([...srvNamesOf(compiled({}).config)].sort(), ['a.p.orca', 'b.p.orca']);
  t.same([...srvNamesOf(null)], []);
});

t.test('no page of ours holds a brace that Caddy could read as a placeholder', async (t) => {
  JSON.stringify(compiled({}).config, (key, value) => {
    if (key === 'body') t.notMatch(value, /[{}]/);
    return value;
  });
});

t.test('every list of routes ends with an answer for whatever is left', async (t) => {
  let lists = 0;
  JSON.stringify(compiled({}).config, (key, value) => {
    if (key !== 'routes') return value;
    lists += 1;
    t.notOk(value.at(-1).match);
    return value;
  });
  t.ok(lists >= 5);
});

t.test('an ingress with nothing in it still answers', async (t) => {
  const { config } = compiled({ routes: [], certificates: [] });
  t.match(JSON.stringify(config), /No service is published/);
  t.notMatch(JSON.stringify(config), /"host":\[\]|"sni":\[\]/);
});

t.test('the boot config is what every load repeats', async (t) => {
  const boot = bootConfig({
    adminSocketPath: '/home/caddy.sock',
    storageRoot: '/home/storage',
    logFile: null,
  });
  t.match(compiled({}).config, boot);
  t.match(boot, { admin: { listen: 'unix//home/caddy.sock', origins: ['localhost'] } });
});

t.test('the refresh grows with the number of services', async (t) => {
  t.same([1, 10, 11, 30, 31, 60, 61, 1_000].map(refreshMsFor), [100, 100, 250, 250, 500, 500, 1_000, 1_000]);
});

t.test(
  'what Caddy keeps of a body decides which requests are tried again after a refused connection',
  async (t) => {
    for (const version of ['2.11.4', '2.11.9', '2.12.0', '3.0.0-beta.1'])
      t.ok(caddyTraits(version).keepsBodies, version);
    for (const version of ['2.6.2', '2.10.2', '2.11.3', '1.0.0', 'unknown', null])
      t.notOk(caddyTraits(version).keepsBodies);
    const tried = (keepsBodies: boolean) =>
      JSON.stringify(
        compile({ ...inputOf({ routes: [aRoute('a')] }), traits: { ...traits, keepsBodies } }).config,
      ).split('"try_duration"').length - 1;
    t.same([tried(false), tried(true)], [2, 2]);
  },
);

t.test('clients are told to connect anew where they are served then', async (t) => {
  const told = (servesAccepted: boolean) =>
    JSON.stringify(compile({ ...inputOf({}), traits: { ...traits, servesAccepted } }).config).split(
      '"file":{"root":"/home/ingress/closing","try_files":["closing"]}',
    ).length - 1;
  t.same([told(true), told(false)], [2, 0]);
  const versions = ['2.6.2', '2.7.0', '2.11.9', '3.0.0', null].map((v) => caddyTraits(v).servesAccepted);
  t.same(versions, [true, false, false, false, false]);
});

t.test('the key that stands for a config leaves membership out and nothing else', async (t) => {
  const resolver = { srvTcpPort: 1, dnsUdpPort: 1, sorryPort: 2, ...shown };
  const base = {
    httpPort: 80,
    httpsPort: 443,
    caddy: 'auto',
    certificates: [],
    fallbackCertificate: certificate('x'),
  };
  const keyOf = (route: Partial<Route>) =>
    configKey({ ...base, routes: [aRoute('a', route)] }, resolver, null, traits);
  t.equal(keyOf({ wanted: false, canaryWeight: 5 }), keyOf({}));
  for (const other of [
    { domains: ['b.test'] },
    { paths: ['/x'] },
    { stripPrefix: '/x' },
    { measured: true },
    { sticky: true },
    { httpOnly: true },
  ])
    t.not(keyOf(other), keyOf({}));
  t.not(
    configKey({ ...base, routes: [] }, resolver, 3, traits),
    configKey({ ...base, routes: [] }, resolver, null, traits),
  );
  t.not(
    configKey({ ...base, routes: [] }, { ...resolver, sorryPort: 3 }, null, traits),
    configKey({ ...base, routes: [] }, resolver, null, traits),
  );
  const asks = { ...traits, servesAccepted: false };
  const keyWith = (one: Certificate) =>
    configKey({ ...base, routes: [], certificates: [one] }, resolver, null, asks);
  t.equal(keyWith(certificate('a')), keyWith(certificate('b')), 'which are asked for');
  t.not(keyWith({ ...certificate('a'), stapled: true }), keyWith(certificate('a')));
  for (const more of [{ trustedProxies: ['::1'] }, { hsts: [{ value: 'max-age=1', names: ['a.test'] }] }])
    t.not(
      configKey({ ...base, routes: [], ...more }, resolver, null, traits),
      configKey({ ...base, routes: [] }, resolver, null, traits),
    );
});
