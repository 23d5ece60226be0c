import t from 'tap';
import { chooseOwn, coverage } from '../../../../master/plan/own-certificate.js';

const one = (id: string, names: string[], notAfterMs = 100) => ({ id, names, notAfterMs });

t.test('a wildcard stands for one label', async (t) => {
  t.equal(coverage(['a.example.com'], 'A.example.com'), 'exact');
  t.equal(coverage(['*.example.com'], 'a.example.com'), 'wildcard');
  t.equal(coverage(['*.example.com'], '*.example.com'), 'exact');
  for (const name of ['example.com', 'a.b.example.com', '*.a.example.com', 'xexample.com', 'com'])
    t.equal(coverage(['*.example.com', '*.com.'], name), null, name);
});

t.test('of several: valid, then of the service, then exact, then lasting', async (t) => {
  const wild = one('upload:wild', ['*.example.com'], 900);
  const exact = one('upload:exact', ['a.example.com'], 200);
  const longer = one('upload:longer', ['a.example.com'], 300);
  const files = one('files:shop/api', ['*.example.com'], 150);
  const chosen = (all: ReturnType<typeof one>[], nowMs = 0) =>
    [all, [...all].reverse()].map(
      (some) => chooseOwn(some, 'a.example.com', ['files:shop/api'], nowMs)?.id ?? null,
    );
  const both = (id: string | null) => [id, id];
  t.same(chosen([wild, exact, longer, files]), both('files:shop/api'));
  t.same(chosen([wild, exact, longer, files], 150), both('upload:longer'), 'the files have expired');
  t.same(chosen([wild, exact]), both('upload:exact'));
  t.same(chosen([wild, exact], 500), both('upload:wild'));
  t.same(chosen([exact, files], 1_000), both('files:shop/api'), 'nothing else is there');
  t.same(chosen([one('upload:x', ['b.example.com'])]), both(null));
});
