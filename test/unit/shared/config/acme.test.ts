import t from 'tap';
import { parseClusterToml } from '../../../../shared/config/cluster.js';

const read = async (lines: string) => (await parseClusterToml(`[acme]\n${lines}\n`, 'c')).acme.dns;
const refused = (lines: string): Promise<string> =>
  read(lines).then(
    () => 'accepted',
    (error: Error) => error.message,
  );

t.test('DNS-01 with all that it may have, and with nothing but its module', async (t) => {
  const lines = [
    'dns = "acmedns"',
    'dns_names = ["*.internal.example.com", "DB.corp.example.com", "*"]',
    'dns_caddy = "/opt/caddy"',
    'dns_resolvers = ["1.1.1.1", "[::1]:53"]',
    'dns_propagation_timeout = "5m"',
    'dns_propagation_delay = "10s"',
    '[acme.dns_options]',
    `api_token = "\${secrets.dns_token}"`,
    'config = { "example.com" = { username = "u", ttl = 60, deep = [true] } }',
  ];
  t.same(await read(lines.join('\n')), {
    module: 'acmedns',
    options: {
      api_token: `\${secrets.dns_token}`,
      config: { 'example.com': { username: 'u', ttl: 60, deep: [true] } },
    },
    names: ['*.internal.example.com', 'db.corp.example.com', '*'],
    caddy: '/opt/caddy',
    resolvers: ['1.1.1.1', '[::1]:53'],
    propagationTimeoutMs: 300_000,
    propagationDelayMs: 10_000,
  });
  t.same(await read('dns = "cloudflare"'), {
    ...{ module: 'cloudflare', options: {}, names: [], caddy: null, resolvers: [] },
    ...{ propagationTimeoutMs: 120_000, propagationDelayMs: 0 },
  });
  t.equal((await read('dns = "x"\ndns_propagation_timeout = "off"'))?.propagationTimeoutMs, null);
  t.equal(await read('staging = true'), null);
});

t.test('what can not work is refused with its line', async (t) => {
  for (const [lines, says] of [
    ['dns = "dns.providers.cloudflare"', /:2:1: acme\.dns: must be the name of a module of Caddy/],
    ['dns = "../x"', /acme\.dns: must be the name of a module of Caddy/],
    ['dns_names = ["a.example.com"]', /:2:1: acme\.dns_names: is of no use without dns/],
    ['[acme.dns_options]\na = 1', /acme\.dns_options: is of no use without dns/],
    [
      'dns = "x"\n[acme.dns_options]\nname = "y"',
      /:4:1: acme\.dns_options\.name: is the module, which dns names/,
    ],
    [`dns = "x"\n[acme.dns_options]\na = "\${secrets.}"`, /acme\.dns_options\.a: has \$\{secrets\.\}/],
    ['dns = "x"\n[acme.dns_options]\na = 2026-01-01', /acme\.dns_options\.a: must be text, a number/],
    ['dns = "x"\ndns_names = ["not a name"]', /acme\.dns_names\[0\]/],
    ['dns = "x"\ndns_resolvers = ["dns.example.com"]', /acme\.dns_resolvers\[0\]: must be an IP address/],
    ['dns = "x"\ndns_propagation_timeout = "2h"', /:3:1: .*a time from "1s" to "1h", or "off"/],
    ['dns = "x"\ndns_propagation_timeout = "never"', /a time from "1s" to "1h", or "off"/],
    ['dns = "x"\ndns_propagation_delay = "2h"', /dns_propagation_delay: must be a time/],
    ['dns = "x"\ndns_option = 1', /dns_option: unknown key; did you mean .*dns_options/],
  ] as const)
    t.match(await refused(lines), says, lines);
});
