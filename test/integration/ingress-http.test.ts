/** Names without TLS, proxies that are trusted, and HSTS, on a real Caddy: what the application sees, and what its clients do. */
import type { RequestListener } from 'node:http';
import t from 'tap';
import type { Ingress } from '../../proxy-config/route.js';
import { anAllocation, aRoute, curl, startBackend, startEdge, until } from './ingress-harness.js';

const echo: RequestListener = ({ url, headers }, response) => {
  if (url === '/own') response.setHeader('strict-transport-security', 'max-age=1');
  response.end(JSON.stringify({ url, headers }));
};
const edge = await startEdge();
const backend = await startBackend('echo', echo);
t.teardown(async () => {
  await edge.close();
  await backend.close();
});
const { port } = backend.endpoint;

const routes = [
  aRoute({ allocations: [anAllocation('shop.api.1', port)] }),
  aRoute({
    ...{ service: 'shop/plain', srvName: 'plain.shop.orca', domains: ['plain.test'], httpOnly: true },
    ...{ sticky: true, allocations: [anAllocation('shop.plain.1', port)] },
  }),
  aRoute({
    ...{ service: 'shop/none', srvName: 'none.shop.orca', domains: ['none.test'], httpOnly: true },
    paths: ['/none/*'],
  }),
  // Of another project, under names of which one is served with TLS and one without.
  aRoute({
    ...{ service: 'blog/wide', srvName: 'wide.blog.orca', domains: ['*.test'], httpOnly: true },
    allocations: [anAllocation('blog.wide.1', port)],
  }),
  aRoute({
    ...{ service: 'blog/tls', srvName: 'tls.blog.orca', domains: ['*.sub.test'] },
    allocations: [anAllocation('blog.tls.1', port)],
  }),
  aRoute({
    ...{ service: 'shop/sub', srvName: 'sub.shop.orca', domains: ['own.sub.test'], httpOnly: true },
    allocations: [anAllocation('shop.sub.1', port)],
  }),
];
let revision = 0;
function apply(more: Partial<Ingress> = {}): void {
  revision += 1;
  edge.role.apply({ ...edge.ingress(routes), ...more }, revision);
}
apply();
for (const id of ['shop.api.1', 'shop.plain.1', 'blog.wide.1', 'blog.tls.1', 'shop.sub.1'])
  await until('routed', () => edge.traffic(id)?.state === 'routed');

const lies = {
  'X-Forwarded-For': '6.6.6.6',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'front.test',
  'X-Forwarded-Port': '8443',
  'X-Real-Ip': '6.6.6.6',
  'X-Forwarded-Ssl': 'on',
  Forwarded: 'for=6.6.6.6',
};
type Headers = Record<string, string | undefined>;

/** What the application got of a request that says all that, by IPv4 or IPv6. */
async function seen(url: string, by: 4 | 6, said: Record<string, string> = lies): Promise<Headers> {
  const headers = Object.entries(said).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { httpPort, httpsPort } = edge;
  const to = `::[::1]:${url.startsWith('https') ? httpsPort : httpPort}`;
  const answer = await curl(edge, url, ...headers, ...(by === 6 ? ['--connect-to', to] : []));
  return (JSON.parse(answer) as { headers: Headers }).headers;
}

t.test('a name without TLS is served on the HTTP port, and is nobody on the other', async (t) => {
  const answer = await curl(edge, 'http://plain.test/a?b=c', '-D', '-');
  t.match(answer, /^HTTP\/1\.1 200/);
  t.match(answer, /"url":"\/a\?b=c"/);
  t.match(answer, /set-cookie: orca_group=[0-9a-f]{8}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax/i);
  t.match(await curl(edge, 'https://plain.test/', '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, 'https://plain.test/', '-v', '--stderr', '-'), /CN=orca.invalid/);
  t.match(await curl(edge, 'http://none.test/other', '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, 'http://none.test/none/', '-D', '-'), /^HTTP\/1\.1 503.*retry-after: \d+/is);
  t.match(await curl(edge, 'http://shop.test/', '-w', '%{http_code}'), /308/);
});

t.test('the challenges of a CA are its application’s own business', async (t) => {
  const path = '/.well-known/acme-challenge/x';
  t.match(await curl(edge, `http://plain.test${path}`), `"url":"${path}"`);
  t.match(await curl(edge, `http://shop.test${path}`, '-w', '%{http_code}'), /503$/, 'Orca’s');
});

t.test('a wildcard takes no requests of a name that is served in the other way', async (t) => {
  const path = '/.well-known/acme-challenge/x';
  t.match(await curl(edge, 'http://any.test/a'), '"url":"/a"');
  t.match(await curl(edge, 'http://shop.test/', '-w', '%{http_code}'), /308$/);
  t.match(await curl(edge, `http://shop.test${path}`, '-w', '%{http_code}'), /503$/, 'a CA hears Orca alone');
  t.match(await curl(edge, 'https://any.sub.test/a'), '"url":"/a"');
  t.match(await curl(edge, 'http://own.sub.test/a'), '"url":"/a"');
  t.match(await curl(edge, 'https://own.sub.test/a', '-w', '%{http_code}'), /No service.*404/s);
});

t.test('where nobody is trusted, the connection says who the client is', async (t) => {
  t.match(await seen('http://plain.test/', 4), {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'plain.test',
    'x-forwarded-port': String(edge.httpPort),
    'x-real-ip': '127.0.0.1',
    'x-forwarded-ssl': undefined,
    forwarded: undefined,
  });
});

t.test('a trusted proxy is believed, and nobody else', async (t) => {
  apply({ trustedProxies: ['::1', '10.0.0.0/8'] });
  for (const [scheme, own] of [
    ['http', edge.httpPort],
    ['https', edge.httpsPort],
  ] as const) {
    const url = scheme === 'http' ? 'http://plain.test/' : 'https://shop.test/';
    await until('it to be loaded', async () => (await seen(url, 6))['x-real-ip'] === '6.6.6.6');
    t.match(await seen(url, 6), {
      'x-forwarded-for': '6.6.6.6, ::1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'front.test',
      'x-forwarded-port': '8443',
      'x-real-ip': '6.6.6.6',
      'x-forwarded-ssl': undefined,
      forwarded: undefined,
    });
    t.match(await seen(url, 4), {
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': scheme,
      'x-forwarded-host': new URL(url).hostname,
      'x-forwarded-port': String(own),
      'x-real-ip': '127.0.0.1',
      'x-forwarded-ssl': undefined,
      forwarded: undefined,
    });
    t.match(
      await seen(url, 6, { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' }),
      { 'x-forwarded-for': '6.6.6.6, ::1', 'x-real-ip': '::1', 'x-forwarded-port': undefined },
      'what it does not say is not made up',
    );
  }
});

t.test('HSTS is sent over HTTPS alone, and the application’s own wins', async (t) => {
  const hsts = (answer: string) =>
    answer.match(/^strict-transport-security: .*$/gim)?.map((line) => line.trim());
  t.equal(hsts(await curl(edge, 'https://shop.test/', '-D', '-')), undefined);
  apply({ hsts: [{ value: 'max-age=31536000', names: ['shop.test'] }] });
  await until('it to be loaded', async () => hsts(await curl(edge, 'https://shop.test/', '-D', '-')));
  for (const version of ['--http1.1', '--http2'])
    t.match(hsts(await curl(edge, 'https://shop.test/', '-D', '-', version)), [/: max-age=31536000$/]);
  t.match(hsts(await curl(edge, 'https://shop.test/own', '-D', '-')), [/: max-age=1$/]);
  t.equal(hsts(await curl(edge, 'http://shop.test/', '-D', '-')), undefined);
  t.equal(hsts(await curl(edge, 'http://plain.test/', '-D', '-')), undefined);
  t.equal(hsts(await curl(edge, 'https://unknown.test/', '-D', '-')), undefined);
});
