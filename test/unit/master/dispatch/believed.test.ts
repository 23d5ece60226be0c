import t from 'tap';
import { believedCopy, believedFacts } from '../../../../master/dispatch/believed.js';
import { aNode, anObserved } from '../../../support/a-model.js';

const known = { name: 'one', address: '10.0.0.1', isLocal: false };
const saying = (name: string, address: string) => ({ ...aNode().facts, name, address });

t.test(
  'a new address is believed where the connection comes from there, or nothing else is known',
  async (t) => {
    const addressOf = (said: string, more: object = {}, from = '192.0.2.1') =>
      believedFacts(saying('one', said), { ...known, ...more }, from).address;
    t.equal(addressOf('10.0.0.1'), '10.0.0.1');
    t.equal(addressOf('10.0.0.2'), '10.0.0.1');
    t.equal(addressOf('10.0.0.2', {}, '10.0.0.2'), '10.0.0.2');
    t.equal(addressOf('10.0.0.2', {}, '::ffff:10.0.0.2'), '10.0.0.2');
    t.equal(addressOf('fd00::2', {}, 'fd00:0:0::0002'), 'fd00::2');
    t.equal(addressOf('fd00::3', {}, 'fd00::2'), '10.0.0.1');
    t.equal(addressOf('name.example', {}, 'name'), '10.0.0.1');
    t.equal(addressOf('10.0.0.2', { address: undefined }), '10.0.0.2');
    t.equal(addressOf('10.0.0.2', { isLocal: true }), '10.0.0.2', "the master's own");
  },
);

t.test('a name is the one that was joined with', async (t) => {
  t.equal(believedFacts(saying('two', '10.0.0.1'), known, '').name, 'one');
  t.equal(believedFacts(saying('two', '10.0.0.1'), { ...known, name: undefined }, '').name, 'two');
});

t.test('a copy is at the address of its node, or nowhere', async (t) => {
  const at = (address: string) => anObserved({ endpoint: { address, port: 1 } });
  t.same(believedCopy(at('10.0.0.1'), '10.0.0.1'), at('10.0.0.1'));
  t.match(believedCopy(at('fd00:0::1'), 'fd00::1'), { endpoint: { port: 1 }, reason: null });
  for (const other of ['127.0.0.1', '172.17.0.1', '::1', '169.254.169.254', 'localhost', '10.0.0.1.'])
    t.match(believedCopy(at(other), '10.0.0.1'), { endpoint: null, reason: /is said to be at/ }, other);
  const none = anObserved({ endpoint: null });
  t.equal(believedCopy(none, '10.0.0.1'), none);
});
