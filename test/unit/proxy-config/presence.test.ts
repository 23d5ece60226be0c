import t from 'tap';
import { type PresenceInput, presenceAfter } from '../../../proxy-config/presence.js';
import type { Route } from '../../../proxy-config/route.js';
import type { Presence } from '../../../proxy-config/traffic-facts.js';
import { plainRoute } from '../../support/plain-route.js';

const endpoint = { address: '10.0.0.1', port: 80 };
const route: Route = {
  service: 'p/a',
  srvName: 'a.p.orca',
  domains: ['a.test'],
  paths: ['/*'],
  stripPrefix: null,
  ...plainRoute,
  groupHeader: true,
  allocations: [{ id: '1', node: 'n1', group: 'canary', release: 2, desired: 'routed', endpoint }],
};
const inRecords: Presence = { endpoint, lastEndpoint: endpoint, sinceMs: 1_000, usableSinceMs: 1_000 };
const after = (over: Partial<PresenceInput> & { was?: Presence | undefined; state: 'in' | 'idle' | 'out' }) =>
  presenceAfter({
    routes: [route],
    chosen: {
      published: new Map(over.state === 'in' ? [['1', endpoint]] : []),
      idle: new Set(over.state === 'idle' ? ['1'] : []),
    },
    sinceMs: { 'a.p.orca': 2_000, 'canary.a.p.orca': 3_000, 'stable.a.p.orca': 1_500 },
    before: new Map(over.was ? [['1', over.was]] : []),
    local: new Map(),
    nowMs: 9_000,
    ...over,
  }).get('1');

t.test('what is seen for the first time is as old as the newest of its names', async (t) => {
  t.match(after({ state: 'in' }), { endpoint, sinceMs: 3_000, usableSinceMs: 3_000 });
  t.match(after({ state: 'idle' }), { endpoint: null, sinceMs: 3_000, usableSinceMs: 3_000 });
  t.match(after({ state: 'out' }), { endpoint: null, lastEndpoint: endpoint, usableSinceMs: null });
});

t.test('one whose record stays keeps its age when others move', async (t) => {
  t.same(after({ state: 'in', was: inRecords }), inRecords);
});

t.test('one that leaves on purpose is usable for as long as before, and out since now', async (t) => {
  const left = after({ state: 'idle', was: inRecords });
  t.match(left, { endpoint: null, lastEndpoint: endpoint, sinceMs: 9_000, usableSinceMs: 1_000 });
  t.match(after({ state: 'in', was: left }), { endpoint, sinceMs: 3_000 }, 'and is back with its records');
});

t.test(
  'one that leaves with the only name it was in is out since now, not since another name changed',
  async (t) => {
    const routes = [{ ...route, groupHeader: false }];
    t.match(after({ state: 'out', was: inRecords, routes }), { sinceMs: 9_000, usableSinceMs: null });
  },
);
