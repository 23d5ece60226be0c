/** What the ingress serves, on a real Caddy and a real resolver. */
import t from 'tap';
import { anAllocation, aRoute, curl, startBackend, startEdge, until } from './ingress-harness.js';

const edge = await startEdge();
t.teardown(() => edge.close());
const backend = await startBackend('one');
t.teardown(() => backend.close());

const ready = [anAllocation('shop.api.1', backend.endpoint.port)];
edge.apply([
  aRoute({ allocations: ready }),
  aRoute({ service: 'shop/idle', srvName: 'idle.shop.orca', domains: ['other.test'] }),
]);
await until('routed', () => edge.traffic('shop.api.1')?.state === 'routed');

t.test('a published allocation answers through HTTPS, over HTTP/1.1 and HTTP/2', async (t) => {
  t.equal(await edge.client('').text(), 'one');
  t.equal(await curl(edge, 'https://shop.test/', '--http2', '-w', ' %{http_version}'), 'one 2');
});

t.test('HTTP is sent on to HTTPS with 308 and the port, for known names only', async (t) => {
  const answer = await curl(edge, 'http://shop.test/a?b=c', '-D', '-', '-o', '/dev/null');
  t.match(answer, /308/);
  t.match(answer, new RegExp(`Location: https://shop.test:${edge.httpsPort}/a\\?b=c`, 'i'));
  t.match(await curl(edge, 'http://unknown.test/', '-w', '%{http_code}'), /No service.*404/s);
});

t.test('an unknown name gets a 404 page, by HTTPS too, with the fallback certificate', async (t) => {
  t.match(await curl(edge, 'https://unknown.test/', '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, `https://127.0.0.1:${edge.httpsPort}/`, '-w', '%{http_code}'), /No service.*404/s);
  t.match(await curl(edge, 'https://unknown.test/', '-v', '--stderr', '-'), /CN=orca.invalid/);
  t.match(await curl(edge, 'https://shop.test/', '-v', '--stderr', '-'), /CN=shop.test/);
});

t.test('a service that never had anything ready answers 503 with Retry-After at once', async (t) => {
  const answer = await curl(edge, 'https://other.test/', '-D', '-');
  t.match(answer, /^HTTP\/2 503/);
  t.match(answer, /retry-after: \d+/i);
  t.match(answer, /not ready/);
});
