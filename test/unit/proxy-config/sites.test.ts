import fc from 'fast-check';
import t from 'tap';
import type { Route } from '../../../proxy-config/route.js';
import { comparePaths, normalDomain, sitesOf } from '../../../proxy-config/sites.js';
import { plainRoute } from '../../support/plain-route.js';

const aRoute = (over: Partial<Route>): Route => ({
  service: 'p/a',
  srvName: 'a.p.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  allocations: [],
  ...over,
});

t.test('two services share a domain, the more specific path comes first', async (t) => {
  const site = aRoute({ service: 'p/site' });
  const api = aRoute({ service: 'p/api', paths: ['/api/*', '/api'] });
  const { sites } = sitesOf([site, api]);
  t.equal(sites.length, 1);
  t.same(
    sites[0]?.rules.map((rule) => [rule.route.service, rule.paths]),
    [
      ['p/api', ['/api', '/api/*']],
      ['p/site', ['/*']],
    ],
  );
});

t.test('exact names come before wildcards, longer wildcards before shorter', async (t) => {
  const { sites } = sitesOf([
    aRoute({ service: 'p/1', domains: ['*.test'] }),
    aRoute({ service: 'p/2', domains: ['*.a.test'] }),
    aRoute({ service: 'p/3', domains: ['b.a.test'] }),
  ]);
  t.same(
    sites.map((site) => site.domains),
    [['b.a.test'], ['*.a.test'], ['*.test']],
  );
});

t.test('domains with the same rules become one site', async (t) => {
  const { sites } = sitesOf([aRoute({ domains: ['b.test', 'a.test', 'A.test'] })]);
  t.same(
    sites.map((site) => site.domains),
    [['a.test', 'b.test']],
  );
});

t.test('a domain is compared in lower case and in ASCII', async (t) => {
  t.equal(normalDomain('Bücher.Example'), 'xn--bcher-kva.example');
  t.equal(normalDomain('*.Example.com'), '*.example.com');
  for (const bad of ['', '*', 'a b', '{env.HOME}', 'a.*.b', '-a.test', 'a..b', 'a/b', 'a:80', 'u@a', 'a?b'])
    t.equal(normalDomain(bad), '');
});

t.test(
  'text that Caddy could read as a placeholder is refused with a reason, the others are served',
  async (t) => {
    const { sites, refused } = sitesOf([
      aRoute({ service: 'p/1', domains: ['{env.HOME}.test'] }),
      aRoute({ service: 'p/2', paths: ['/{env.HOME}'] }),
      aRoute({ service: 'p/3', stripPrefix: '/{file./etc/passwd}' }),
      aRoute({ service: 'p/4', paths: ['no-slash'] }),
      aRoute({ service: 'p/5', domains: ['good.test'] }),
    ]);
    t.same(
      refused.map((r) => r.service),
      ['p/1', 'p/2', 'p/3', 'p/4'],
    );
    t.match(refused[1]?.reason, /path .* braces/);
    t.same(
      sites.map((site) => site.domains),
      [['good.test']],
    );
  },
);

t.test(
  'whatever a user writes, no brace comes through, and the order of the routes does not matter',
  async (t) => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('/', '/a/*', '/a', '*.php', '{x}', 'a.test', '*.a.test'),
    );
    const route = fc.record({
      service: fc.string({ minLength: 1 }),
      domains: fc.array(text, { maxLength: 3 }),
      paths: fc.array(text, { maxLength: 3 }),
      stripPrefix: fc.option(text, { nil: null }),
    });
    const routes = fc.uniqueArray(route, { selector: (r) => r.service, maxLength: 6 });
    fc.assert(
      fc.property(routes, fc.nat(), (some, rotate) => {
        const all = some.map((over) => aRoute(over));
        const { sites } = sitesOf(all);
        const shown = sites.map(({ domains, rules }) => [
          domains,
          rules.map((r) => [r.paths, r.route.stripPrefix]),
        ]);
        const at = all.length === 0 ? 0 : rotate % all.length;
        t.notMatch(JSON.stringify(shown), /[{}]/);
        t.same(sitesOf([...all.slice(at), ...all.slice(0, at)]).sites, sites);
      }),
      { numRuns: 300 },
    );
  },
);

t.test('paths are sorted by how specific they are', async (t) => {
  const sorted = ['/*', '/api/*', '/api/v1', '/api/v1/*', '*', '/'].sort(comparePaths);
  t.same(sorted, ['/api/v1', '/', '/api/v1/*', '/api/*', '/*', '*']);
});
