import t from 'tap';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { parseServiceFile } from '../../../../shared/config/service-file.js';
import { serviceSpecSchema } from '../../../../shared/spec.js';
import { aService, refusal } from './a-service.js';

const web = { port: 80, domain: 'a.example.com' };
const parse = (keys: Record<string, unknown>) => parseServiceBody(aService(keys), 's');
const refused = (keys: Record<string, unknown>) => refusal(() => parse(keys));

t.test('http_only and hsts are read, and absent where they are not set', async (t) => {
  const plain = parse({ ...web, http_only: true });
  t.equal(plain.httpOnly, true);
  t.same(serviceSpecSchema.parse(plain), plain);
  t.same(parse({ ...web, http_only: false, hsts: false }), parse(web), 'as an older Orca stored it');
  const year = { maxAgeSecs: 31_536_000, includeSubdomains: false, preload: false };
  t.same(parse({ ...web, hsts: true }).hsts, year);
  t.same(parse({ ...web, hsts: {} }).hsts, year);
  const all = { max_age: '730d', include_subdomains: true, preload: true };
  t.same(parse({ ...web, hsts: all }).hsts, {
    maxAgeSecs: 63_072_000,
    includeSubdomains: true,
    preload: true,
  });
  t.equal(parse({ ...web, hsts: { max_age: 0 } }).hsts?.maxAgeSecs, 0, 'which ends it');
});

t.test('what can not be is refused, with its key', async (t) => {
  t.match(await refused({ http_only: true }), /^s: http_only: has no effect without a domain/);
  t.match(await refused({ hsts: true }), /^s: hsts: has no effect without a domain/);
  t.match(await refused({ ...web, http_only: true, hsts: true }), /^s: hsts: .*with http_only/);
  const files = { tls_cert: 'a.pem', tls_key: 'a.key' };
  t.match(await refused({ ...web, http_only: true, ...files }), /^s: tls_cert: has no effect with http_only/);
  t.match(await refused({ ...web, http_only: 'yes' }), /^s: http_only: must be true or false/);
  for (const hsts of ['yes', 31_536_000, ['a']])
    t.match(await refused({ ...web, hsts }), /^s: hsts: must be true, or a table such as \{ max_age/);
  t.match(
    await refused({ ...web, hsts: { maxage: '1d' } }),
    /hsts\.maxage: unknown key; did you mean hsts\.max_age/,
  );
  t.match(
    await refused({ ...web, hsts: { max_age: '-1d' } }),
    /hsts\.max_age: must be a time .*from 0s to 3650d/,
  );
  for (const hsts of [{ preload: true }, { preload: true, include_subdomains: true, max_age: '364d' }])
    t.match(
      await refused({ ...web, hsts }),
      /hsts\.preload: needs include_subdomains = true and a max_age of 365d/,
    );
});

t.test('services that share a name agree on how it is served', async (t) => {
  const file = (one: string, other: string): string =>
    ['a', 'b']
      .map((name, i) => {
        const routes = `routes = ["/${name}/*"]`;
        return `[[service]]\nname = "${name}"\nimage = "x:1"\nport = 80\ndomain = "a.com"\n${routes}\n${[one, other][i]}\n`;
      })
      .join('');
  const asked = (one: string, other: string) =>
    refusal(() => parseServiceFile(file(one, other), 's.toml', 'shop'));
  t.match(
    await asked('', 'http_only = true'),
    /^s\.toml:14:1: service "b": http_only: a\.com is served with TLS for "shop\/a"/,
  );
  t.match(await asked('http_only = true', ''), /http_only: a\.com is served without TLS for "shop\/a"/);
  t.equal(await asked('http_only = true', 'http_only = true'), '');
  t.equal(await asked('hsts = true', ''), '', 'one of them is enough for a name');
  t.match(
    await asked('hsts = true', 'hsts = { max_age = "1d" }'),
    /^s\.toml:14:1: service "b": hsts: a\.com has another hsts for "shop\/a"/,
  );
});
