import t from 'tap';
import { hasDnsRoom, isByDns, needsDns } from '../../../../master/plan/dns.js';

t.test('wildcards are ordered by DNS-01, and the names that are said to', async (t) => {
  t.ok(needsDns('*.example.com'));
  t.notOk(needsDns('example.com'));
  t.ok(isByDns('*.example.com', null), 'nothing else could get it one');
  t.notOk(isByDns('db.example.com', null));
  const dns = { names: ['db.corp.example.com', '*.internal.example.com'] };
  for (const name of [
    'db.corp.example.com',
    'a.internal.example.com',
    '*.internal.example.com',
    '*.example.com',
  ])
    t.ok(isByDns(name, dns), name);
  for (const name of [
    'corp.example.com',
    'internal.example.com',
    'b.a.internal.example.com',
    'ainternal.example.com',
  ])
    t.notOk(isByDns(name, dns), name);
  t.ok(isByDns('www.example.com', { names: ['*'] }));
});

t.test('a few at a time, and never two whose records have one name', async (t) => {
  t.ok(hasDnsRoom('*.example.com', []));
  t.notOk(hasDnsRoom('*.example.com', ['example.com']));
  t.notOk(hasDnsRoom('example.com', ['*.example.com']));
  t.ok(hasDnsRoom('a.example.com', ['*.example.com', 'b.example.com', 'c.example.com']));
  t.notOk(hasDnsRoom('e.example.com', ['a.b.com', 'b.b.com', 'c.b.com', 'd.b.com']));
});
