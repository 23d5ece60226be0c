import t from 'tap';
import { changedServices, heardFigures } from '../../../../master/dispatch/figures.js';
import type { Figures } from '../../../../shared/figures.js';

const figures = (service: string, release: number, requests: number): Figures => ({
  service,
  release,
  requests,
  classes: [0, requests, 0, 0, 0],
  latency: [requests],
});
const heard = (epoch: string, ...all: Figures[]) =>
  heardFigures('n-1', { type: 'figures', epoch, figures: all });

t.test('figures are kept by service, with where and in which epoch they were counted', async (t) => {
  const all = heard('e1', figures('shop/api', 1, 5), figures('shop/api', 2, 1), figures('shop/db', 1, 9));
  t.match(all.get('shop/api'), [
    { release: 1, requests: 5, source: 'n-1|e1' },
    { release: 2, requests: 1, source: 'n-1|e1' },
  ]);
  t.equal(all.get('shop/none'), undefined);
});

t.test('a message names the services of which something else was counted', async (t) => {
  const before = heard('e1', figures('a/a', 1, 5), figures('a/b', 1, 5), figures('a/c', 1, 5));
  const after = heard('e1', figures('a/a', 1, 5), figures('a/b', 1, 6), figures('a/d', 1, 0));
  t.same(changedServices(before, after).sort(), ['a/b', 'a/c', 'a/d']);
  t.same(changedServices(before, before), []);
  t.same(changedServices(null, before), ['a/a', 'a/b', 'a/c']);
  t.same(changedServices(before, heard('e2', figures('a/a', 1, 5))), ['a/a', 'a/b', 'a/c'], 'a new epoch');
});
