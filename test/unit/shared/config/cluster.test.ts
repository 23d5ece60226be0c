import t from 'tap';
import { parseClusterToml } from '../../../../shared/config/cluster.js';
import { readHostPort } from '../../../../shared/config/host-port.js';
import { NOTHING_ALLOWED } from '../../../../shared/permit.js';
import { refusal } from './a-service.js';

const refused = (text: string) => refusal(() => parseClusterToml(text, 'cluster.toml'));

t.test('an empty file leaves everything unset', async (t) => {
  t.match(await parseClusterToml('', 'c'), {
    name: null,
    listen: null,
    agent: null,
    serviceRange: null,
    silenceMs: null,
    lostAfterMs: null,
    acme: { directory: null, trustedRoots: [], staging: false },
    proxy: { httpPort: null, httpsPort: null, caddy: null },
    imagesPrefix: null,
    nodes: [],
    tokens: [],
  });
});

t.test('every setting is read', async (t) => {
  const text =
    '[cluster]\nname = "p"\ndomain = "Orca.example.com"\nacme_email = "a@b.c"\ncert_dir = "certs"\nlog_level = "warn"\nlisten = "[::1]:6880"\nhttp_listen = "127.0.0.1:6881"\ndocker = "unix:///x"\nadvertise = "10.0.0.1"\nagent = false\nservice_range = "10.9.0.0/20"\nsilence = "10s"\nlost_after = "2m"\naudit_retention = "30d"\n[acme]\ndirectory = "https://ca/dir"\ntrusted_roots = ["a.pem"]\nstaging = false\neab_kid = "k"\neab_key = "s"\nresolvers = ["1.1.1.1", "[::1]:53"]\n[proxy]\nhttp_port = 8080\nhttps_port = 8443\ncaddy = "/usr/bin/caddy"\ntrusted_proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "192.0.2.7"]\n[registry]\nhost = "Registry.test:5000"\nrepository = "team/orca"\n';
  t.same(await parseClusterToml(text, 'c'), {
    name: 'p',
    domain: 'orca.example.com',
    acmeEmail: 'a@b.c',
    certDir: 'certs',
    logLevel: 'warn',
    listen: '[::1]:6880',
    httpListen: '127.0.0.1:6881',
    docker: 'unix:///x',
    advertise: '10.0.0.1',
    agent: false,
    serviceRange: '10.9.0.0/20',
    silenceMs: 10_000,
    lostAfterMs: 120_000,
    acme: {
      ...{ directory: 'https://ca/dir', trustedRoots: ['a.pem'], staging: false },
      ...{ eab: { kid: 'k', key: 's' }, resolvers: ['1.1.1.1', '[::1]:53'], dns: null },
    },
    proxy: {
      httpPort: 8080,
      httpsPort: 8443,
      caddy: '/usr/bin/caddy',
      trustedProxies: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'],
    },
    security: NOTHING_ALLOWED,
    imagesPrefix: 'registry.test:5000/team/orca',
    nodes: [],
    tokens: [],
    auditRetentionMs: 30 * 86_400_000,
  });
});

t.test('what services may reach is nothing, unless it stands there', async (t) => {
  const text =
    '[security]\nallowed_mounts = ["/srv/", "/srv", "/var/run/docker.sock"]\nprivileged = true\ncap_add = ["cap_net_admin"]\npids_limit = -1\nhost_ports = [25, "53", "1024-65535"]\n';
  t.same((await parseClusterToml(text, 'cluster.toml')).security, {
    allowedMounts: ['/srv', '/run/docker.sock'],
    privileged: true,
    newPrivileges: false,
    capAdd: ['NET_ADMIN'],
    pidsLimit: -1,
    hostPorts: [
      { from: 25, to: 25 },
      { from: 53, to: 53 },
      { from: 1_024, to: 65_535 },
    ],
  });
  for (const [lines, says] of [
    ['allowed_mounts = ["srv"]', /:2:\d+: security\.allowed_mounts\[0\]: must be an absolute path/],
    [
      'allowed_mount = ["/srv"]',
      /security\.allowed_mount: unknown key; did you mean security\.allowed_mounts/,
    ],
    ['cap_add = ["NET_ADMIM"]', /security\.cap_add\[0\]: .*did you mean "NET_ADMIN"/],
    ['host_ports = ["0-80"]', /security\.host_ports\[0\]: must be a port, or a range/],
    ['host_ports = [25, "90-80"]', /security\.host_ports\[1\]: must be a port, or a range/],
    ['host_ports = [65536]', /security\.host_ports\[0\]/],
    ['host_ports = 25', /security\.host_ports/],
    ['pids_limit = 0', /security\.pids_limit/],
  ] as const)
    t.match(await refused(`[security]\n${lines}\n`), says);
});

t.test('tokens have roles, and projects unless they are of an admin', async (t) => {
  const table = (more: string) => `[[token]]\nname = "a"\nvalue = "v"\n${more}`;
  const { tokens } = await parseClusterToml(
    `${table('role = "viewer"\nprojects = ["shop"]')}\n${table('')}`,
    'c',
  );
  t.same(tokens, [
    { name: 'a', value: 'v', role: 'viewer', projects: ['shop'] },
    { name: 'a', value: 'v', role: 'admin', projects: null },
  ]);
  t.match(await refused(table('projects = ["shop"]')), /:4:1: token\[0\].projects: needs role/);
  t.match(await refused('[cluster]\naudit_retention = "1h"'), /audit_retention: must be a time/);
});

t.test('a registry is a host and a path of names', async (t) => {
  const read = async (lines: string) => (await parseClusterToml(`[registry]\n${lines}`, 'c')).imagesPrefix;
  t.equal(await read('host = "index.docker.io"\nrepository = "me"'), 'docker.io/me');
  t.equal(await read('host = "r.test"'), 'r.test/orca');
  for (const [lines, says] of [
    ['host = "https://r.test/path"', /:2:1: registry.host: must be the host of a registry/],
    ['host = "me"', /registry.host: must be the host/],
    ['repository = "a"', /registry.host: is (required|missing)/],
    [
      'host = "r.test"\nrepository = "Team/../x"',
      /:3:1: registry.repository: must be a path of lower case names/,
    ],
    ['host = "r.test"\npassword = "x"', /:3:1: registry.password: /],
  ] as const)
    t.match(await refused(`[registry]\n${lines}`), says, lines);
});

t.test('what of ACME does not go together is refused', async (t) => {
  for (const [lines, says] of [
    ['directory = "https://ca/dir"\nstaging = true', /c.*:3:1: acme.staging: .*keep it or directory/],
    ['eab_kid = "k"', /:2:1: acme.eab_kid: is of no use without eab_key/],
    ['eab_kid = "k"\neab_key = "no text of a CA"', /:3:1: acme.eab_key: must be the base64url text/],
    ['eab_key = "k"', /:2:1: acme.eab_key: is of no use without eab_kid/],
    [
      'resolvers = ["dns.example.com"]',
      /acme.resolvers\[0\]: must be an IP address.*; it is "dns.example.com"/,
    ],
    ['directory = "ca"', /acme.directory: must be a URL/],
    ['directory = "http://ca/dir"', /acme.directory: must be a URL that begins with https/],
  ] as const)
    t.match(await refused(`[acme]\n${lines}\n`), says);
  t.match(await refused('[cluster]\ndomain = "*.example.com"\n'), /:2:1: cluster.domain: must be one name/);
});

t.test('a bad one is refused with line, key and reason', async (t) => {
  t.match(
    await refused('[cluster]\nnam = "x"\n'),
    /^cluster\.toml:2:1: cluster\.nam: unknown key; did you mean cluster\.name\?/,
  );
  t.match(
    await refused('[cluster]\nlisten = "6880"\n'),
    /^cluster\.toml:2:1: cluster\.listen: must be HOST:PORT/,
  );
  t.match(await refused('[cluster]\nhttp_listen = "0.0.0.0:80"\n'), /must be on the loopback/);
  t.match(await refused('[proxy]\nhttp_port = 80\nhttps_port = 80\n'), /https_port: must differ/);
  const short = '[cluster]\nsilence = "30s"\nlost_after = "20s"\n';
  t.match(await refused(short), /lost_after: must not be below silence \(30s\)/);
  t.equal((await parseClusterToml('[cluster]\nsilence = "2m"\n', 'c')).lostAfterMs, null, 'never before it');
  for (const range of ['10.213.0.0/8', '10.213.0.1/16', '8.8.0.0/16', '10.0.0.0/28', 'all'])
    t.match(
      await refused(`[cluster]\nservice_range = "${range}"\n`),
      /service_range: must be a range/,
      range,
    );
  t.match(await refused('[[node]]\nlabels = {}\n'), /node\[0\]: needs name/);
  t.match(
    await refused('[[node]]\nname = "a"\n[[node]]\nname = "a"\n'),
    /node\[1\]\.name: "a" is listed twice/,
  );
  t.match(
    await refused('[cluster]\nlisten = "a:1"\napi_port = 2\n'),
    /api_port: is the older form of listen/,
  );
  t.match(await refused('[cluster\n'), /not valid TOML/);
  t.match(await refused('[cluster]\n__proto__ = "x"\n'), /unknown key/);
});

t.test('proxies are trusted by address, never by name', async (t) => {
  const asked = (text: string) => refused(`[proxy]\nhttp_port = 80\ntrusted_proxies = ["::1", "${text}"]\n`);
  for (const good of ['0.0.0.0/0', '10.1.2.3', 'fd00::/8', '::ffff:10.0.0.1', '10.0.0.0/32'])
    t.equal(await asked(good), '', good);
  for (const bad of [
    'proxy.example.com',
    'private_ranges',
    '10.0.0',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    '{env.X}',
    '',
  ])
    t.match(
      await asked(bad),
      /^cluster\.toml:3:\d+: proxy\.trusted_proxies\[1\]: must be an IP address or a range of them/,
      bad,
    );
  for (const bad of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/08'])
    t.match(await asked(bad), /trusted_proxies\[1\]: must have a prefix from 0 to (32|128)/, bad);
});

t.test('HOST:PORT is taken apart', async (t) => {
  t.same(readHostPort('0.0.0.0:6880'), { host: '0.0.0.0', port: 6880 });
  t.same(readHostPort('[::1]:0'), { host: '::1', port: 0 });
  for (const bad of ['a', 'a:', ':1', 'a:70000', '::1:2']) t.equal(readHostPort(bad), null, bad);
});
