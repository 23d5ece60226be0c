/** What a master may ask an agent that knows more: both messages decode, and spoilt ones are refused with their reason. */
import t from 'tap';
import type { Recalled } from '../../../shared/protocol.js';
import { decodeAgentMessage, decodeMasterMessage, encode } from '../../../shared/wire.js';
import { anAllocation, anAssignment } from '../agent/an.js';

const recalled: Recalled = {
  type: 'recalled',
  id: 'recall-1',
  problem: null,
  assignment: anAssignment({
    allocations: [anAllocation({ origin: { any: ['thing'] } })],
    node: { labels: { zone: 'a' }, cordoned: false },
    madeAtMs: 5,
  }),
  containers: [{ id: 'c-1', allocation: 'shop.api.1', isAlive: true }],
  labelled: [anAllocation()],
  observed: [],
};

t.test('a question and its answer arrive as they were sent', async (t) => {
  const question = { type: 'recall', id: 'recall-1', cluster: 'c' } as const;
  t.same(decodeMasterMessage(encode(question)), { ok: true, message: question });
  t.same(decodeAgentMessage(encode(recalled)), { ok: true, message: recalled });
});

t.test('spoilt ones are refused, with what is wrong', async (t) => {
  t.match(decodeMasterMessage('{"type":"recall","id":1}'), { ok: false, reason: /^id: / });
  const spoilt = JSON.stringify({ ...recalled, containers: [{ id: 'c-1' }] });
  t.match(decodeAgentMessage(spoilt), { ok: false, reason: /^containers\.0\.allocation: / });
});

t.test('an assignment of an older master has nothing for the master in it, and is taken', async (t) => {
  const { node: _, madeAtMs: __, ...older } = recalled.assignment ?? anAssignment();
  t.match(decodeMasterMessage(JSON.stringify({ ...older, allocations: [anAllocation()] })), { ok: true });
});
