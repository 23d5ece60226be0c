import t from 'tap';
import { createBodyRoom } from '../../../../master/http/body-room.js';

t.test('who finds no room waits in line, and gets in when it is given back', async (t) => {
  const room = createBodyRoom(10, 60_000, 10);
  const first = await room.take(8);
  const order: string[] = [];
  const large = room.take(9).then((back) => {
    order.push('large');
    return back;
  });
  const small = room.take(1).then((back) => {
    order.push('small');
    return back;
  });
  first();
  first();
  (await large)();
  (await small)();
  t.same(order, ['large', 'small'], 'nobody is passed by');
  (await room.take(10))();
});

t.test('who waits too long, or behind too many, is refused, and nobody is held up by that', async (t) => {
  const room = createBodyRoom(10, 20, 1);
  const first = await room.take(10);
  const patient = room.take(5);
  await t.rejects(room.take(1), { code: 'TOO_MANY_REQUESTS' });
  await t.rejects(patient, { code: 'TOO_MANY_REQUESTS' });
  first();
  (await room.take(10))();
});
