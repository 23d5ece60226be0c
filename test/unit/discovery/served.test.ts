import t from 'tap';
import { type LocalEndpoints, servedBy } from '../../../discovery/served.js';
import type { NamedService } from '../../../discovery/table.js';
import { aNamed, aNamedService, aTable } from './a-table.js';

const here = { address: '127.0.0.1', port: 1 };
const networks = [
  { project: 'shop', subnet: '172.18.0.0/16' },
  { project: 'gone', subnet: '172.19.0.0/16' },
];

function backends(service: Partial<NamedService>, local: LocalEndpoints = new Map()) {
  const served = servedBy(aTable(aNamedService(service)), { node: 'n-1', local, networks });
  return served.services[0]?.backends.map(({ id, endpoint }) => `${id} ${endpoint.address}:${endpoint.port}`);
}

t.test('who is ready and does not drain is offered', async (t) => {
  const allocations = [
    aNamed('a'),
    aNamed('b', { draining: true }),
    aNamed('c', { endpoint: null }),
    aNamed('d', { group: 'canary' }),
  ];
  t.same(backends({ allocations }), ['a 10.0.0.2:30001', 'd 10.0.0.2:30001']);
});

t.test('of its own allocations the node knows more than the table', async (t) => {
  const allocations = [
    aNamed('dead', { node: 'n-1' }),
    aNamed('up', { node: 'n-1', endpoint: null }),
    aNamed('unheard', { node: 'n-1' }),
    aNamed('drains', { node: 'n-1', draining: true }),
    aNamed('other', { endpoint: null }),
  ];
  const local = new Map([
    ['dead', null],
    ['up', here],
    ['drains', here],
    ['other', here],
  ]);
  t.same(backends({ allocations }, local), ['up 127.0.0.1:1', 'unheard 10.0.0.2:30001']);
});

t.test('an endpoint of another node’s own bridge is of no use here', async (t) => {
  t.same(backends({ allocations: [aNamed('a', { ownNodeOnly: true })] }), []);
  t.same(backends({ allocations: [aNamed('a', { ownNodeOnly: true, node: 'n-1' })] }), ['a 10.0.0.2:30001']);
});

t.test('networks of projects that have no names here are left out', async (t) => {
  const { networks: kept } = servedBy(aTable(aNamedService()), { node: 'n-1', local: new Map(), networks });
  t.same(kept, [{ project: 'shop', subnet: '172.18.0.0/16' }]);
});
