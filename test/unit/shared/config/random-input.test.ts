/**
 * Random configurations and bodies: each is taken or refused with CONFIG_INVALID, never anything else; what is taken says the same when
 * it is written in another format, sent as a body, or kept and read again. `ORCA_FUZZ_CALLS` sets how many (default 3,000), `ORCA_FUZZ_SEED` which.
 */
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import t from 'tap';
import { stringify as yaml } from 'yaml';
import { parseClusterToml } from '../../../../shared/config/cluster.js';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { parseServiceFile } from '../../../../shared/config/service-file.js';
import { OrcaError } from '../../../../shared/errors.js';
import { type ServiceSpec, serviceSpecSchema } from '../../../../shared/spec.js';

const runs = Number(process.env.ORCA_FUZZ_CALLS ?? 3_000);
const seed = Number(process.env.ORCA_FUZZ_SEED ?? Date.now() % 2 ** 31);
const each = (share: number) => ({ numRuns: Math.ceil(runs * share), seed });

const hostile = fc.constantFrom(
  ...[
    '',
    '-',
    '--',
    '..',
    '../..',
    '/',
    '$(id)',
    '`id`',
    '{http.request.host}',
    '{env.HOME}',
    'a\nb',
    'a\r\nX: y',
    '\0',
    '\u202e',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '%2e%2e',
    'a'.repeat(300),
    'ſ',
    '😀',
    '\u001b[31m',
    '$' + '{secrets.}',
    '$' + '{secrets.a}',
  ],
);
const text = fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 20 }));
const number = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const junk = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, text, { maxKeys: 3 }),
);
/** Mostly what is right, so that much is taken. */
const mostly = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: junk });
const path = fc.constantFrom('/', '/a', '/var/lib/data', '/a/b.c');
const words = fc.array(fc.oneof(fc.string({ maxLength: 10 }), hostile), { maxLength: 3 });
const count = fc.integer({ min: 0, max: 5 });
const secs = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.double({ min: 1, max: 60, noNaN: true }));
const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const probe = fc.record(
  { path, interval_secs: secs, failure_threshold: fc.integer({ min: 1, max: 5 }) },
  { requiredKeys: ['path'] },
);
const deploy = fc.record(
  {
    ...{ strategy: fc.constantFrom('rolling', 'canary'), max_unavailable: count, max_surge: count },
    ...{ canary_weight: fc.integer({ min: 0, max: 100 }), sticky: fc.boolean(), pre_deploy: words },
    ...{ min_healthy_secs: secs, drain_timeout_secs: secs, auto_rollback: fc.boolean() },
  },
  { requiredKeys: [] },
);
const fields = {
  ...{ replicas: count, port: fc.integer({ min: 1, max: 65_535 }), internal: fc.boolean(), health: path },
  domains: fc.uniqueArray(fc.domain(), { minLength: 1, maxLength: 2 }),
  routes: fc.constantFrom(['/*'], ['/a/*', '/b']),
  ...{ command: words, entrypoint: words, aliases: fc.uniqueArray(label, { maxLength: 2 }) },
  env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), text, { maxKeys: 2 }),
  ...{ readiness: probe, liveness: probe, deploy },
  resources: fc.record({
    memory: fc.constantFrom('64Mi', '1Gi', 1_000_000_000),
    cpu: fc.double({ min: 0.1, max: 4, noNaN: true }),
  }),
  volumes: fc.array(fc.record({ name: label, path }), { maxLength: 2 }),
  depends_on: fc.uniqueArray(label, { maxLength: 2 }),
  extra_ports: fc.constantFrom(['2222:22'], ['53:53/udp']),
  pull: fc.constantFrom('always', 'never'),
};
const keys = Object.keys(fields) as (keyof typeof fields)[];
/** A few keys each: of many, some always contradict each other. */
const service = fc.subarray(keys, { maxLength: 4 }).chain((some) =>
  fc.record({
    name: mostly(label),
    image: mostly(fc.constantFrom('app:1', `reg.example.com:5000/a/b@sha256:${'a'.repeat(64)}`)),
    ...Object.fromEntries(some.map((key) => [key, mostly(fields[key] as fc.Arbitrary<unknown>)])),
  }),
);

/** The specifications, or null for what is refused as it should be; everything else fails. */
async function read(content: string, file: string): Promise<ServiceSpec[] | null> {
  return await refusedOr(() =>
    parseServiceFile(content, file, 'shop').then(({ services }) => services.map(({ spec }) => spec)),
  );
}

async function refusedOr<T>(body: () => T | Promise<T>): Promise<T | null> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof OrcaError && error.code === 'CONFIG_INVALID' && error.message !== '') return null;
    throw error;
  }
}

t.test('what is taken says the same in every format, as a body, and when it was kept', async (t) => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(service, { minLength: 1, maxLength: 2 }), async (services) => {
      const specs = await read(stringify({ service: services }), 'service.toml');
      same(await read(yaml({ service: services }), 'service.yaml'), specs);
      if (specs === null) return;
      taken += 1;
      const { services: again } = await parseServiceFile(
        stringify({ service: services }),
        'service.toml',
        'shop',
      );
      for (const [at, { raw, spec }] of again.entries()) {
        const kept: unknown = JSON.parse(JSON.stringify(spec));
        same(parseServiceBody(JSON.parse(JSON.stringify(raw)), 'a body'), specs[at]);
        same(serviceSpecSchema.parse(kept), specs[at]);
      }
    }),
    each(0.4),
  );
  t.ok(taken > runs / 10, `${taken} of ${Math.ceil(runs * 0.4)} were taken`);
});

t.test('text that is changed anywhere is taken or refused', async (t) => {
  const good =
    '[[service]]\nname = "api"\nimage = "app:1"\nport = 80\ndomains = ["a.example.com"]\n[service.env]\nA = "x"\n[service.deploy]\nmax_surge = 1\n';
  const piece = fc.constantFrom(
    '[',
    ']]',
    '=',
    '"',
    "'''",
    '\n',
    '&a',
    '*a',
    '<<:',
    '!!js/function',
    '#',
    '{',
    '}',
    '\0',
    '\u202e',
    '__proto__',
    '1e999',
    '0x',
  );
  const change = fc.record({
    at: fc.nat(good.length),
    cut: fc.nat(12),
    put: fc.oneof(piece, fc.string({ maxLength: 8 })),
  });
  const changed = fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce((now, { at, cut, put }) => now.slice(0, at) + put + now.slice(at + cut), good),
    );
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(changed, fc.string({ unit: 'binary', maxLength: 60 })), async (content) => {
      for (const file of ['service.toml', 'service.yaml'])
        if ((await read(content, file)) === null) refused += 1;
      await refusedOr(() => parseClusterToml(content, 'cluster.toml'));
    }),
    each(0.3),
  );
  t.ok(refused > 0, `${refused} were refused`);
  t.equal(({} as Record<string, unknown>).polluted, undefined);
});

t.test('bodies of any shape are taken or refused', async (t) => {
  let refused = 0;
  const any = fc.oneof(fc.anything({ withNullPrototype: true }), fc.dictionary(text, fc.anything()), service);
  await fc.assert(
    fc.asyncProperty(any, async (body) => {
      const sent: unknown = JSON.parse(JSON.stringify(body) ?? 'null');
      if ((await refusedOr(() => parseServiceBody(sent, 'services[0]'))) === null) refused += 1;
    }),
    each(0.3),
  );
  t.ok(refused > 0, `${refused} were refused`);
});

t.test('a body of very many mistakes is refused in few words, and soon', async (t) => {
  const body = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`k${at}`, 1]));
  t.throws(() => parseServiceBody({ name: 'a', image: 'a:1', ...body }, 'services[0]'), {
    code: 'CONFIG_INVALID',
  });
  const words = await refusedOr(() =>
    parseServiceBody({ name: 'a', image: 'a:1', ...body }, 'services[0]'),
  ).catch(String);
  t.equal(words, null);
});

/** Quicker than an assertion each. */
function same(one: unknown, other: unknown): void {
  if (JSON.stringify(one) !== JSON.stringify(other))
    throw new Error(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`);
}
