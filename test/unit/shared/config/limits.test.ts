/** What a service may hold has bounds, whichever key is added later; what is too much is refused by them, in few words, before it costs. */
import t from 'tap';
import { z } from 'zod';
import { most } from '../../../../shared/config/limits.js';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { serviceSchema } from '../../../../shared/config/service-schema.js';
import { checkServiceSet } from '../../../../shared/config/service-set.js';
import { OrcaError } from '../../../../shared/errors.js';
import { aService } from './a-service.js';

const aSpec = (keys: Record<string, unknown>) => parseServiceBody(aService(keys), 'services[0]');

interface Place {
  path: (string | number)[];
  kind: 'text' | 'list' | 'table';
}

/** Every text, list and table that a service may hold, with a path to it. */
function placesOf(schema: z.ZodType, path: Place['path'] = []): Place[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return placesOf(schema.unwrap() as z.ZodType, path);
  if (schema instanceof z.ZodPipe)
    return placesOf((schema.in instanceof z.ZodTransform ? schema.out : schema.in) as z.ZodType, path);
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((option) => placesOf(option as z.ZodType, path));
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, one]) => placesOf(one as z.ZodType, [...path, key]));
  if (schema instanceof z.ZodArray)
    return [{ path, kind: 'list' }, ...placesOf(schema.element as z.ZodType, [...path, 0])];
  if (schema instanceof z.ZodRecord)
    return [{ path, kind: 'table' }, ...placesOf(schema.valueType as z.ZodType, [...path, 'key'])];
  return schema instanceof z.ZodString ? [{ path, kind: 'text' }] : [];
}

const hugeOf = {
  text: () => 'A'.repeat(1_000_000),
  list: () => Array.from({ length: 100_000 }, (_, at) => `x${at}`),
  table: () => Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`x${at}`, 'y'])),
};

/** A table that holds `value` at the path, and nothing else. */
const nested = ([key, ...rest]: Place['path'], value: unknown): unknown => {
  if (key === undefined) return value;
  return typeof key === 'number' ? [nested(rest, value)] : { [key]: nested(rest, value) };
};

function refusalOf(table: object): OrcaError | null {
  try {
    parseServiceBody({ name: 'api', image: 'app:1', ...table }, 'services[0]');
    return null;
  } catch (error) {
    if (error instanceof OrcaError) return error;
    throw error;
  }
}

const places = placesOf(serviceSchema);

t.test('there are as many as are known', async (t) => {
  t.ok(places.length > 60, `${places.length}`);
});

for (const { path, kind } of places)
  t.test(`${path.join('.')}: a ${kind} that is much too large`, async (t) => {
    const refused = refusalOf(nested(path, hugeOf[kind]()) as object);
    // Of what may be of two kinds, what is said is that of the usual one.
    t.match(
      refused?.message,
      kind === 'text' || path[0] === 'restart_policy' ? /\S/ : /at most \d+ entries; it has 100000/,
    );
    t.ok((refused?.message.length ?? 0) < 2_000, `says so in ${refused?.message.length} characters`);
  });

t.test('a key that is none is not compared with those there are, nor said whole', async (t) => {
  const refused = refusalOf({ ['k'.repeat(1_000_000)]: 1 });
  t.match(refused?.message, /unknown key/);
  t.ok((refused?.message.length ?? 1e9) < 2_000);
});

t.test('domains times routes', async (t) => {
  const domains = Array.from({ length: most.domains }, (_, at) => `d${at}.example.com`);
  const routes = (count: number) => Array.from({ length: count }, (_, at) => `/r${at}/*`);
  t.equal(refusalOf({ port: 1, domains, routes: routes(10) }), null);
  t.match(refusalOf({ port: 1, domains, routes: routes(11) })?.message, /at most 10000/);
});

t.test('the places of one project, in force or not, and nobody else pays for them', async (t) => {
  const domains = Array.from({ length: 1_000 }, (_, at) => `d${at}.example.com`);
  const wide = (name: string, project: string, at: number) =>
    aSpec({
      ...{ name, project, port: 1, domains },
      routes: Array.from({ length: 10 }, (_, route) => `/${at}/${route}/*`),
    });
  const two = [wide('a', 'p', 1), wide('b', 'p', 2)];
  t.same(checkServiceSet(two, { complete: false }), []);
  t.match(checkServiceSet([...two, wide('c', 'p', 3)], { complete: false }), [
    { index: 2, path: ['routes'], message: /30000 places/ },
  ]);
  const three = [...two, wide('c', 'p', 3)];
  t.same(checkServiceSet([...three, wide('c', 'q', 4)], { complete: false, from: 3 }), []);
  t.match(checkServiceSet([...three, wide('c', 'q', 3)], { complete: false, from: 3 })[0], {
    message: /belongs to "p\/c"/,
  });
});

t.test('the places of one call, whatever projects they are of', async (t) => {
  const wide = Array.from({ length: 11 }, (_, at) =>
    aSpec({
      ...{ name: 'a', project: `p${at}`, port: 1 },
      domains: Array.from({ length: 1_000 }, (_, domain) => `d${domain}.p${at}.example.com`),
      routes: Array.from({ length: 10 }, (_, route) => `/${route}/*`),
    }),
  );
  t.same(checkServiceSet(wide.slice(0, 10), { complete: false }), []);
  t.match(checkServiceSet(wide, { complete: false }), [{ index: 10, message: /100000 may be/ }]);
  t.same(checkServiceSet(wide, { complete: false, from: 10 }), [], 'what is in force was deployed before');
});

t.test('a chain of services as long as you like, and a circle of them', async (t) => {
  const chain = Array.from({ length: 20_000 }, (_, at) =>
    aSpec({ name: `s${at}`, image: 'a:1', depends_on: [`s${at + 1}`] }),
  );
  t.same(checkServiceSet(chain, { complete: false }), []);
  const last = aSpec({ name: 's19999', image: 'a:1', depends_on: ['s0'] });
  const [problem, ...more] = checkServiceSet([...chain.slice(0, -1), last], { complete: false });
  t.match(problem, { index: 0, message: /^goes in a circle: s0 → s1 → .* → s19999 → s0$/ });
  t.ok((problem?.message.length ?? 0) < 500);
  t.same(more, []);
});

t.test('routes hold nothing that is not seen', async (t) => {
  for (const route of ['/a\u202eb', '/a\u200bb', '/\u2066x', '/a\u2028b'])
    t.match(refusalOf({ port: 1, domain: 'a.example.com', routes: [route] })?.message, /not seen/);
});
