import t from 'tap';
import type { Carrier } from '../../../../agent/carry/carrier.js';
import { lazyCarrier } from '../../../../agent/carry/lazy.js';
import { fakeEngine } from '../../../support/fake-engine.js';
import { waitFor } from '../../../support/wait-for.js';

const nothing = { watch: ['sha256:1'], fetch: [], serve: [] };
const serving = { ...nothing, serve: [{ imageId: 'sha256:1', ref: 'app:1', readers: ['n-2'] }] };

function aLazy(isLeft = false) {
  const applied: unknown[] = [];
  const loads = { count: 0, fails: false };
  const made: Carrier = {
    apply: (carry) => void applied.push(carry),
    fetch: async () => undefined,
    relay: () => undefined,
    renewed: () => undefined,
    pushed: () => [],
    port: () => 6_881,
    problem: () => null,
    stop: async () => undefined,
  };
  const load = async () => {
    loads.count += 1;
    if (loads.fails) throw new Error('ENOSPC: no space left on device');
    return { createCarrier: () => made };
  };
  const options = {
    ...{ home: '/none', masterUrl: 'wss://m', advertise: null, engine: fakeEngine() },
    ...{ credentials: { ca: '', cert: '', key: '' }, log: { info() {}, warn() {}, error() {} } },
  };
  return { lazy: lazyCarrier(load, options, isLeft), applied, loads };
}

t.test('it is loaded when there is something to carry, and by what an earlier agent has left', async (t) => {
  const { lazy, applied, loads } = aLazy();
  lazy.apply(nothing);
  t.equal(loads.count, 0);
  t.same(lazy.observed(), { port: null, problem: null });
  lazy.apply(serving);
  lazy.apply(nothing);
  await waitFor('both to be heard', () => applied.length === 2);
  t.same(applied, [serving, nothing]);
  t.equal(loads.count, 1);
  t.equal(lazy.observed().port, 6_881);
  t.equal(aLazy(true).loads.count, 1);
  await lazy.stop();
});

t.test('what keeps it from being made is said, and tried again', async (t) => {
  const { lazy, applied, loads } = aLazy();
  let heard = 0;
  lazy.watch(() => {
    heard += 1;
  });
  loads.fails = true;
  lazy.apply(serving);
  await waitFor('it to be said', () => heard === 1);
  t.match(lazy.observed(), { port: null, problem: /ENOSPC/ });
  await lazy.stop();
  loads.fails = false;
  lazy.apply(serving);
  await waitFor('it to be heard', () => applied.length === 1);
  t.equal(lazy.observed().problem, null);
});
