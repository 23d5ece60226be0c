/** Everything that a node may send has bounds, whichever message is added later; and what an honest node says is cut, not refused. */
import t from 'tap';
import { z } from 'zod';
import { LAST_MS } from '../../../shared/bounds.js';
import { isoOf } from '../../../shared/iso.js';
import { type AgentMessage, agentMessageSchema } from '../../../shared/protocol.js';
import { decodeAgentMessage } from '../../../shared/wire.js';
import { statusOf } from '../../support/fake-agent.js';

/** Of what is the master's own word, only kept by the agent: that it is whole is asked when it is adopted. A frame bounds it. */
const KEPT = /assignment|labelled/;

/** The paths of all numbers, texts and lists without a bound. */
function unbounded(schema: z.ZodType, path = '', found: string[] = []): string[] {
  const def = schema.def as unknown as Record<string, unknown>;
  const below = (inner: unknown, name = ''): void =>
    void unbounded(inner as z.ZodType, `${path}${name}`, found);
  if (schema instanceof z.ZodObject)
    for (const [key, one] of Object.entries(schema.shape)) below(one, `.${key}`);
  else if (schema instanceof z.ZodArray) {
    if (!isBounded(def)) found.push(`${path}[]`);
    below(def.element, '[]');
  } else if (schema instanceof z.ZodDiscriminatedUnion)
    for (const option of def.options as z.ZodType[]) below(option, `|${typeOf(option)}`);
  else if (schema instanceof z.ZodRecord) {
    below(def.keyType, '{key}');
    below(def.valueType, '{}');
  } else if ('innerType' in def) below(def.innerType);
  else if (schema instanceof z.ZodString && !isBounded(def)) found.push(path);
  else if (schema instanceof z.ZodNumber && !(schema.isInt || Number.isFinite(schema.maxValue)))
    found.push(path);
  return found;
}

const isBounded = ({ checks = [] }: { checks?: { _zod: { def: { check: string } } }[] }): boolean =>
  checks.some(({ _zod }) => ['max_length', 'length_equals', 'overwrite'].includes(_zod.def.check));

const typeOf = (option: z.ZodType): string =>
  String((option as z.ZodObject<{ type: z.ZodLiteral }>).shape.type?.value);

t.test('whatever a node may send has a bound', async (t) => {
  t.same(
    unbounded(agentMessageSchema).filter((path) => !KEPT.test(path)),
    [],
  );
});

t.test('times that no calendar has are refused with the message', async (t) => {
  for (const atMs of [1e300, -1e300, 8.64e15 + 1, LAST_MS + 1]) {
    const lines = [{ atMs, stream: 'stdout', text: 'x' }];
    t.match(decodeAgentMessage(JSON.stringify({ type: 'logs-lines', id: 'l', lines })), {
      ok: false,
      reason: /^lines\.0\.atMs: /,
    });
  }
  const zero = [{ atMs: Date.parse('0001-01-01T00:00:00Z'), stream: 'stdout', text: '' }];
  t.match(decodeAgentMessage(JSON.stringify({ type: 'logs-lines', id: 'l', lines: zero })), { ok: true });
});

t.test('a long reason is cut, between characters', async (t) => {
  const said: AgentMessage = { ...statusOf(null, 1), disk: `${'x'.repeat(8_190)}😀${'y'.repeat(100_000)}` };
  const decoded = decodeAgentMessage(JSON.stringify(said));
  const disk = decoded.ok && decoded.message.type === 'status' ? (decoded.message.disk ?? '') : '';
  t.equal(disk, `${'x'.repeat(8_190)}…`);
});

t.test('what is stored already is shown whatever it is', async (t) => {
  t.equal(isoOf(1e300), '9999-12-31T23:59:59.999Z');
  t.equal(isoOf(-1e300), '0001-01-01T00:00:00.000Z');
  t.equal(isoOf(Number.NaN), '1970-01-01T00:00:00.000Z');
  t.equal(isoOf(1_000), '1970-01-01T00:00:01.000Z');
});
