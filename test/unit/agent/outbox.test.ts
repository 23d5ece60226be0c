import t, { type Test } from 'tap';
import { createOutbox } from '../../../agent/outbox.js';
import type { Status } from '../../../shared/protocol.js';
import { waitFor } from '../../support/wait-for.js';

function anOutbox(t: Test, timing = { gatherMs: 1, resendMs: 40, refreshMs: 60_000 }) {
  const sent: Status[] = [];
  const state = { revision: 1, isOpen: true };
  const outbox = createOutbox({
    status: () => ({
      revision: state.revision,
      observedAtMs: Date.now(),
      engine: { state: 'up', version: null, apiVersion: null, reason: null },
      allocations: [],
      images: [],
      ingress: null,
    }),
    send: (status) => sent.push(status),
    isOpen: () => state.isOpen,
    timing,
  });
  t.teardown(() => outbox.stop());
  return { outbox, sent, state };
}

const numbers = (sent: Status[]): number[] => sent.map(({ number }) => number);

t.test('a status is sent again until the master has it', async (t) => {
  const { outbox, sent } = anOutbox(t);
  outbox.start();
  await waitFor('it to be sent again', () => sent.length >= 3);
  t.same(numbers(sent).slice(0, 3), [1, 2, 3], 'each with a greater number');
  outbox.received(sent.length);
  const count = sent.length;
  outbox.changed();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(sent.length, count);
});

t.test('changes that come together are one status; nothing new is no status', async (t) => {
  const { outbox, sent, state } = anOutbox(t, { gatherMs: 1, resendMs: 60_000, refreshMs: 60_000 });
  outbox.start();
  outbox.received(1);
  state.revision = 2;
  for (let i = 0; i < 10; i += 1) outbox.changed();
  await waitFor('the change', () => sent.length === 2);
  t.match(sent[1], { number: 2, revision: 2 });
});

t.test('a new session gets the whole status again, numbered on', async (t) => {
  const { outbox, sent, state } = anOutbox(t);
  outbox.start();
  outbox.received(1);
  outbox.stop();
  state.isOpen = false;
  outbox.changed();
  state.isOpen = true;
  outbox.start();
  await waitFor('the second one', () => sent.length >= 2);
  t.equal(sent[1]?.number, 2);
});
