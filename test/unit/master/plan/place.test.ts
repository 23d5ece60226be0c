import t from 'tap';
import { refusalOf } from '../../../../master/plan/filters.js';
import { place } from '../../../../master/plan/place.js';
import { aContainer, aNode, anAllocation, aRelease, aSpec, aView } from './things.js';

const GIB = 1024 ** 3;
const need = (container = {}, placement = {}) => ({
  placement: { node: null, labels: {}, ...placement },
  container: aContainer(container),
});

t.test('copies are spread over the nodes, then over the emptier ones', async (t) => {
  const nodes = [aView(aNode('n1')), aView(aNode('n2'), { allocations: 5 }), aView(aNode('n3'))];
  const own = [{ allocation: anAllocation(1, { node: 'n1' }), release: aRelease(1) }];
  t.equal(place(need(), nodes, own).node?.id, 'n3');
  t.equal(place(need(), nodes.slice(0, 2), own).node?.id, 'n2');
  t.equal(place(need(), [...nodes].reverse(), []).node?.id, 'n1');
});

t.test('copies that go weigh less than those that stay', async (t) => {
  const nodes = ['n1', 'n2', 'n3'].map((id) => aView(aNode(id)));
  const on = (node: string) => ({ allocation: anAllocation(1, { node }), release: aRelease(1) });
  t.equal(place(need(), nodes, [on('n1')], [on('n2'), on('n2'), on('n3')]).node?.id, 'n3');
  t.equal(place(need(), nodes, [], [on('n1'), on('n2')]).node?.id, 'n3');
});

t.test('a pin is an exact id, name or address, never a part of one', async (t) => {
  const view = aView(aNode('n1'));
  for (const node of ['n1', 'host-n1', '10.0.0.1']) t.equal(refusalOf(view, need({}, { node })), null);
  for (const node of ['host', 'n', '10.0.0.', 'host-n10']) {
    t.equal(refusalOf(view, need({}, { node })), `not ${node}`);
  }
});

t.test('each reason against a node has its words', async (t) => {
  const refusal = (change: object, wanted = need(), view = {}) =>
    refusalOf(aView(aNode('n1', change), view), wanted);
  t.equal(refusal({ cordoned: true }), 'cordoned');
  t.equal(refusal({ connectedAtMs: null }), 'not connected');
  t.equal(refusal({ reported: false }), 'not reported yet');
  t.equal(refusal({ engine: { state: 'down' } }), 'with Docker down');
  t.equal(refusal({}, need({}, { labels: { zone: 'eu' } })), 'without label zone = eu');
  t.equal(refusal({ labels: { zone: 'eu' } }, need({}, { labels: { zone: 'eu' } })), null);
  const ports = { extraPorts: [{ host: 2222, container: 22, protocol: 'tcp' }] };
  t.equal(refusal({}, need(ports), { hostPorts: [2222] }), 'with host port 2222 taken');
  const memory = { resources: { memoryBytes: GIB / 2, cpus: null } };
  t.equal(refusal({}, need(memory), { memoryBytes: 4 * GIB }), 'without 512 MiB free');
  t.equal(refusal({}, need(memory), { memoryBytes: 3.5 * GIB }), null);
  t.equal(refusal({}, need({ resources: { memoryBytes: null, cpus: 3 } })), 'without 3 CPUs');
});

t.test('what the service itself has on a node counts too', async (t) => {
  const container = { resources: { memoryBytes: 3 * GIB, cpus: null } };
  const own = [{ allocation: anAllocation(1), release: aRelease(1, aSpec({ container })) }];
  t.match(place(need(container), [aView()], own), { node: null, refusal: '1 node: 1 without 3072 MiB free' });
});

t.test('refusals are summed up in one sentence', async (t) => {
  const nodes = [
    aView(aNode('n1', { cordoned: true })),
    aView(aNode('n2'), { memoryBytes: 4 * GIB }),
    aView(aNode('n3', { cordoned: true })),
  ];
  const memory = { resources: { memoryBytes: GIB / 2, cpus: null } };
  t.equal(place(need(memory), nodes, []).refusal, '3 nodes: 2 cordoned, 1 without 512 MiB free');
  t.equal(place(need(), [], []).refusal, 'no node has joined the cluster');
});

t.test('what is shut in otherwise than by default goes only to nodes whose agent knows how', async (t) => {
  const older = aView(aNode('n1'));
  const newer = aView({ ...older.node, facts: { ...older.node.facts, confines: true } });
  const shut = need({ confinement: { readOnly: true } });
  t.match(refusalOf(older, shut), /does not know cap_drop, read_only.*orca nodes upgrade/);
  t.equal(refusalOf(newer, shut), null);
  t.equal(refusalOf(older, need()), null);
});

t.test('what refers to secrets goes only to nodes whose agent puts values in their place', async (t) => {
  const older = aView(aNode('n1'));
  const newer = aView({ ...older.node, facts: { ...older.node.facts, secrets: true } });
  t.match(refusalOf(older, need({ secrets: { db: '/db@1' } })), /knows no secrets \(`orca nodes upgrade`\)/);
  t.equal(refusalOf(newer, need({ secrets: { db: '/db@1' } })), null);
  t.equal(refusalOf(older, need()), null);
});
