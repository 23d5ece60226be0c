import t from 'tap';
import { type DnsEdge, dnsFinding, dnsProblem, needsDns } from '../../../../master/plan/dns.js';

const edges: DnsEdge[] = [
  { name: 'one', providers: ['cloudflare', 'route53'] },
  { name: 'two', providers: [] },
  { name: 'old', providers: null },
];
const [one, two, old] = edges as [DnsEdge, DnsEdge, DnsEdge];

t.test('what is missing is said of the ingress that misses it', async (t) => {
  t.equal(dnsFinding('cloudflare', edges), 'the Caddy of two has no module dns.providers.cloudflare');
  t.match(dnsFinding('gandi', [one, two]), /^the Caddy of one, two has no module dns\.providers\.gandi$/);
  t.match(dnsFinding('cloudflare', [one, old]), /^old did not say whether/);
  t.match(dnsFinding('cloudflare', []), /^no ingress has said yet/);
  t.match(dnsFinding('cloudflare', [one]), /^the Caddy of every ingress has the module/);
});

t.test('nobody is made to believe that it is ordered by', async (t) => {
  t.ok(needsDns('*.example.com'));
  t.notOk(needsDns('example.com'));
  for (const of of [[], [one], edges]) {
    const { reason, todo } = dnsProblem('*.example.com', 'cloudflare', of);
    t.match(reason, /^a wildcard needs DNS-01: .*does not order by it$/);
    t.match(todo, /orca certs add '\*\.example\.com'/);
    t.equal(/xcaddy build --with github\.com\/caddy-dns\/cloudflare/.test(todo), of.length !== 1);
  }
});
