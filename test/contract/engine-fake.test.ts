import t from 'tap';
import { fakeEngine } from '../support/fake-engine.js';
import { engineContract } from './engine.contract.js';

t.test('the fake engine keeps the contract', async (t) => {
  const engine = fakeEngine();
  const image = { ref: 'app:1', id: 'sha256:app1' };
  engine.images.set(image.ref, { id: image.id, digest: null });
  await engineContract(t, {
    engine,
    image,
    publishAddress: '127.0.0.1',
    talk: ['say', 'one', 'two', 'exit', '3'],
    well: ['echo', 'fine'],
    ill: ['false'],
    kill: async (id) => engine.die(id, 137),
  });
});
