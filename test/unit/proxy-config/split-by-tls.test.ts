import t from 'tap';
import { splitByTls } from '../../../proxy-config/split-by-tls.js';
import { aRoute } from '../../integration/ingress-harness.js';

t.test('a name is served without TLS only when all that is routed under it is to be', async (t) => {
  const plain = aRoute({ service: 'a/plain', domains: ['Both.test', 'own.test'], httpOnly: true });
  const other = aRoute({ service: 'a/other', domains: ['both.test', 'tls.test'] });
  const names = (routes: { service: string; domains: string[] }[]) =>
    routes.map(({ service, domains }) => [service, ...domains]);
  const split = splitByTls([plain, other]);
  t.same(names(split.tls), [
    ['a/plain', 'Both.test'],
    ['a/other', 'both.test', 'tls.test'],
  ]);
  t.same(names(split.plain), [['a/plain', 'own.test']]);
  const both = splitByTls([plain, { ...other, httpOnly: true }]);
  t.same(both.tls, []);
  t.equal(both.plain.length, 2);
});
