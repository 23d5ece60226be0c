import t, { type Test } from 'tap';
import { createAssignments } from '../../../../master/control/assignments.js';
import { createCertificates } from '../../../../master/control/certificates.js';
import { createCommands } from '../../../../master/control/commands.js';
import { createDescribeNode } from '../../../../master/control/describe-node.js';
import { createDiscovery } from '../../../../master/control/discovery.js';
import { createFarewells } from '../../../../master/control/farewells.js';
import { createNodeCommands } from '../../../../master/control/node-commands.js';
import { startReconcile } from '../../../../master/control/reconcile.js';
import { createSecretValues } from '../../../../master/control/secret-values.js';
import { createStates } from '../../../../master/control/states.js';
import { recordEnd, recordSilence } from '../../../../master/dispatch/reports.js';
import type { Assignment, Recalled } from '../../../../shared/protocol.js';
import { aNode, anAllocation, aRelease, aRollout, aService, aSpec } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';
import { waitFor } from '../../../support/wait-for.js';

const actor = { by: 'me', source: 'cli' as const };

function aControl(t: Test) {
  const store = aStore(t);
  const states = createStates(store);
  const issue = { certPem: 'c', keyPem: 'k', notBeforeMs: Date.now(), notAfterMs: Date.now() + 1e9 };
  const certificates = createCertificates(store, {
    issueServer: () => issue,
    datesOfSite: () => null,
    seal: (text) => text,
    unseal: (text) => text,
  });
  certificates.ensure([], Date.now());
  const proxy = { httpPort: 80, httpsPort: 443, caddy: 'auto' };
  const discovery = createDiscovery({ store, states, cluster: 'c', range: () => '10.213.0.0/16' });
  const parts = { store, states, certificates, discovery };
  const values = createSecretValues(store, (sealed) => sealed);
  const assignments = createAssignments({
    ...parts,
    ...{ cluster: 'c', proxy: () => proxy, secretsFor: values.sentFor },
  });
  const sent: { node: string; assignment: Assignment }[] = [];
  const errors: string[] = [];
  const start = (everyMs = 60_000) => {
    const loop = startReconcile({
      ...parts,
      assignments,
      presence: () => ({ silenceMs: 200, lostAfterMs: 400 }),
      onSilence: recordSilence,
      send: (node, assignment) => sent.push({ node, assignment }),
      log: { info: () => {}, warn: () => {}, error: (data) => errors.push(JSON.stringify(data)) },
      everyMs,
    });
    t.teardown(() => loop.stop());
    return loop;
  };
  const nodes = createDescribeNode(
    () => [],
    () => 'n-1',
  );
  const commands = {
    ...createCommands(
      store,
      states,
      createSecretValues(store, (sealed) => sealed),
    ),
    ...createNodeCommands({ store, states, nodes, isLocal: () => false, farewells: createFarewells('c0') }),
  };
  return { store, states, assignments, commands, sent, errors, start };
}

t.test('a deploy becomes an assignment without anybody asking again', async (t) => {
  const { store, commands, sent, start } = aControl(t);
  store.write((tx) => tx.putNode(aNode({ ingressObserved: null })));
  start();
  const [begun] = commands.deploy([aSpec()], actor);
  t.match(begun, { service: 'api', change: 'create' });
  const { assignment } = await waitFor('an assignment that wants the image', () =>
    sent.find((s) => s.assignment.images.length > 0),
  );
  t.match(assignment.images, [{ id: begun?.id, ref: 'app:1' }]);
  t.equal(store.node('n-1')?.revision, assignment.revision, 'the revision is stored before it is sent');
  t.match(store.service('shop/api')?.planned.waits, [/app:1/], 'what is waited for is there to be shown');
});

const arrived = (revision: number, more = {}) => ({ revision, canRecall: false, isStranger: false, ...more });
const recalled = (allocation: string, isAlive = true): Recalled => ({
  type: 'recalled',
  id: 'recall-1',
  problem: null,
  assignment: null,
  containers: [{ id: 'c-1', allocation, isAlive }],
  labelled: [],
  observed: [],
});

t.test('an assignment is sent only when its content changed, and revisions only grow', async (t) => {
  const { store, assignments } = aControl(t);
  store.write((tx) => tx.putNode(aNode({ revision: 0 })));
  const first = assignments.refresh('n-1');
  t.equal(first?.revision, 1);
  t.equal(assignments.refresh('n-1'), null);
  store.write((tx) => {
    tx.putService(aService());
    tx.putRelease(aRelease());
    tx.putAllocation(anAllocation());
  });
  t.equal(assignments.refresh('n-1')?.revision, 2);
  t.match(
    assignments.forHello('n-1', arrived(2)),
    { revision: 2, allocations: [{ id: 'shop.api.1' }] },
    'the same again',
  );
});

t.test('a secret is sent to the node that runs what refers to it, and to no other', async (t) => {
  const { store, assignments } = aControl(t);
  const spec = aSpec({ env: { KEY: `$${'{secrets.key}'}` } });
  const container = { ...spec.container, secrets: { key: '/key@1' } };
  const values = [{ version: '1', sealed: 'hush', setAtMs: 1, by: 'me' }];
  store.write((tx) => {
    for (const id of ['n-1', 'n-2']) tx.putNode(aNode({ id, revision: 1, ingress: id === 'n-2' }));
    tx.putSecret('/key', { project: null, name: 'key', values });
    tx.putService(aService({ spec: { ...spec, container } }));
    tx.putRelease(aRelease({ spec: { ...spec, container } }));
    tx.putAllocation(anAllocation({ node: 'n-1' }));
  });
  const own = assignments.refresh('n-1');
  t.same(own?.secrets, { '/key@1': { value: 'hush', reason: null } });
  t.notMatch(JSON.stringify({ ...own, secrets: null }), 'hush', 'the value is nowhere else in it');
  const other = assignments.refresh('n-2');
  t.ok(other?.ingress, 'it routes to it');
  t.notMatch(JSON.stringify(other), 'hush');
});

t.test('a node that this store never assigned anything, but that remembers, is held', async (t) => {
  const { store, assignments, commands } = aControl(t);
  store.write((tx) => tx.putNode(aNode({ revision: 0 })));
  t.equal(assignments.forHello('n-1', arrived(12)), null);
  t.equal(assignments.refresh('n-1'), null);
  t.equal(store.node('n-1')?.cordoned, true);
  t.match(store.events(1), [{ kind: 'node.held', message: /revision 12/ }]);
  t.equal(assignments.forHello('n-1', arrived(12)), null, 'also when it comes again');
  commands.cordon('one', false, 'ops');
  t.equal(assignments.refresh('n-1')?.revision, 13);
});

t.test(
  'a node that remembers more than this store ever made for it is held, also by a restored one',
  async (t) => {
    const { store, assignments } = aControl(t);
    store.write((tx) => tx.putNode(aNode({ revision: 8 })));
    t.equal(assignments.forHello('n-1', arrived(8)) === null, false);
    t.equal(assignments.forHello('n-1', arrived(30)), null);
    t.match(store.events(1), [{ message: /revision 30/ }]);
  },
);

t.test(
  'what runs on a node that is new here is asked first, and what nobody here wants is not stopped',
  async (t) => {
    const { store, assignments } = aControl(t);
    const hello = arrived(0, { canRecall: true });
    store.write((tx) => tx.putNode(aNode({ revision: 0 })));
    t.equal(assignments.forHello('n-1', hello), 'compare');
    t.equal(assignments.refresh('n-1'), null, 'nothing is sent meanwhile');
    t.equal(
      assignments.compared('n-1', recalled('shop.api.7', false))?.revision,
      1,
      'what has ended is no matter',
    );

    store.write((tx) => tx.putNode(aNode({ id: 'n-2', revision: 0 })));
    t.equal(assignments.forHello('n-2', hello), 'compare');
    t.equal(assignments.compared('n-2', recalled('shop.api.7')), null);
    t.match(store.events(1), [
      { kind: 'node.held', message: /runs a container that this master does not know/ },
    ]);
    t.equal(assignments.compared('n-2', recalled('shop.api.7', false)), null, 'it stays held');
  },
);

t.test('a node whose certificate is older than the store is held, whatever it says', async (t) => {
  const { store, assignments } = aControl(t);
  store.write((tx) => tx.putNode(aNode({ revision: 0 })));
  t.equal(assignments.forHello('n-1', arrived(0, { canRecall: true, isStranger: true })), null);
  t.match(store.events(1), [{ message: /older than this store/ }]);
});

t.test('a service that can not be planned does not keep the others waiting', async (t) => {
  const { store, commands, sent, errors, start } = aControl(t);
  store.write((tx) => {
    tx.putNode(aNode({ ingressObserved: null }));
    tx.putService(aService({ key: 'shop/aaa', name: 'aaa' }));
    tx.putRollout(
      aRollout({ service: 'shop/aaa', state: 'preparing', node: null, spec: { dependsOn: [] } as never }),
    );
  });
  start();
  commands.deploy([aSpec()], actor);
  await waitFor('the other one', () => sent.find((s) => s.assignment.images.length > 0));
  await waitFor('the error', () => errors.some((line) => /shop\/aaa/.test(line)));
});

t.test('a deploy of several services is all or nothing', async (t) => {
  const { store, commands } = aControl(t);
  store.write((tx) => tx.putService(aService({ key: 'shop/b', name: 'b', desired: 'removed' })));
  store.write((tx) => tx.putAllocation(anAllocation({ id: 'shop.b.1', service: 'shop/b' })));
  t.throws(() => commands.deploy([aSpec(), aSpec({ name: 'b', domain: 'b.example.com' })], actor), {
    code: 'CONFLICT',
  });
  t.equal(store.service('shop/api'), undefined);
});

t.test('requests for what is not there are refused', async (t) => {
  const { commands } = aControl(t);
  t.throws(() => commands.scale('shop/api', 2), { code: 'SERVICE_NOT_FOUND' });
  t.throws(() => commands.rollback('shop/api', null, actor), { code: 'SERVICE_NOT_FOUND' });
  t.throws(() => commands.cordon('nobody', true, 'ops'), { code: 'NOT_FOUND' });
});

t.test(
  'a node that is silent is unreachable, then lost, with an event each, and its services are planned',
  async (t) => {
    const { store, start } = aControl(t);
    store.write((tx) => tx.putNode(aNode({ connectedAtMs: 1 })));
    const { id } = aNode();
    const heardAtMs = Date.now();
    store.write((tx) => recordEnd(tx, id, 'silence', { heardAtMs, nowMs: heardAtMs }));
    start();
    const seen = (presence: string) =>
      waitFor(`it to be ${presence}`, async () => store.node(id)?.presence === presence);
    t.equal(store.node(id)?.presence, 'present', 'for a while it may only be starting again');
    await seen('unreachable');
    t.ok(Date.now() >= heardAtMs + 200);
    await seen('lost');
    t.ok(Date.now() >= heardAtMs + 400);
    t.same(
      store.events(2).map(({ kind }) => kind),
      ['node.unreachable', 'node.lost'],
    );
  },
);
