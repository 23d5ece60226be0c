import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { createInbox } from '../../../../master/dispatch/inbox.js';
import { aNode } from '../../../support/a-model.js';
import { aStore } from '../../../support/a-store.js';

const fail = (error: unknown): never => {
  throw error;
};

t.test('what comes in one turn is one commit, in its order, and is answered after it', async (t) => {
  const commits: number[] = [];
  const store = aStore(t, { onCommit: (n) => commits.push(n) });
  const inbox = createInbox(store);
  const told: string[] = [];
  for (const id of ['n-1', 'n-2'])
    inbox.put(() => {
      store.write((tx) => tx.putNode(aNode({ id })));
      told.push(`${id} handled with ${commits.length} commits`);
      return () => told.push(`${id} answered with ${commits.length}`);
    }, fail);
  t.same(told, []);
  await nextTurn();
  t.same(told, [
    'n-1 handled with 0 commits',
    'n-2 handled with 0 commits',
    'n-1 answered with 1',
    'n-2 answered with 1',
  ]);
});

t.test('one that can not be handled is told so, and keeps nobody else from it', async (t) => {
  const store = aStore(t);
  const inbox = createInbox(store);
  const failed: unknown[] = [];
  inbox.put(
    () => fail('no'),
    (error) => failed.push(error),
  );
  inbox.put(() => store.write((tx) => tx.putNode(aNode())) ?? undefined, fail);
  await nextTurn();
  t.same(failed, ['no']);
  t.ok(store.node('n-1'));
});

t.test('an answer that can not be given is told to its own, and keeps nobody else from theirs', async (t) => {
  const inbox = createInbox(aStore(t));
  const told: unknown[] = [];
  inbox.put(
    () => () => fail('gone'),
    (error) => told.push(error),
  );
  inbox.put(() => () => told.push('answered'), fail);
  await nextTurn();
  t.same(told, ['gone', 'answered']);
});

t.test('when the commit itself fails nobody is answered, and each is told', async (t) => {
  const failed: unknown[] = [];
  const inbox = createInbox({
    batch: (body) => {
      body();
      throw new Error('full');
    },
  });
  inbox.put(
    () => () => t.fail('answered'),
    (error) => failed.push(error),
  );
  inbox.flush();
  t.match(failed, [{ message: 'full' }]);
  await nextTurn();
});
