import t from 'tap';
import { inTurn } from '../../../../agent/build/fair.js';

const waiting = (...all: string[]) =>
  all.map((one) => ({ id: one, project: one.replace(/\d+$/, '').slice(2) }));

t.test('each project has one turn before any has a second', async (t) => {
  t.same(inTurn(waiting('1-a1', '2-a2', '3-a3', '4-b4', '5-c5', '6-b6'), []), [
    ...['1-a1', '4-b4', '5-c5', '2-a2', '6-b6', '3-a3'],
  ]);
});

t.test('whose last turn is longest ago comes first, the oldest build of it', async (t) => {
  t.same(inTurn(waiting('2-a2', '1-a1', '3-b3'), ['b', 'a']), ['3-b3', '1-a1', '2-a2']);
  t.same(inTurn(waiting('1-a1', '2-b2'), ['a']), ['2-b2', '1-a1']);
  t.same(inTurn([], ['a']), []);
});

t.test('one project alone goes by age', async (t) => {
  t.same(inTurn(waiting('3-a3', '1-a1', '2-a2'), ['a', 'a']), ['1-a1', '2-a2', '3-a3']);
});
