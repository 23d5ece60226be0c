import t from 'tap';
import { jsonLines, logLines, outputText } from '../../../agent/docker-streams.js';

async function* chunks(...parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

function frame(stream: 1 | 2, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const AT = '2026-01-01T00:00:00.000000000Z';

t.test('log frames become lines wherever the network cut them', async (t) => {
  const whole = Buffer.concat([
    frame(1, `${AT} one\n${AT} tw`),
    frame(2, `${AT} err ä\n`),
    frame(1, 'o\n'),
    frame(1, `${AT} last`),
  ]);
  const expected = [
    ['stdout', 'one'],
    ['stderr', 'err ä'],
    ['stdout', 'two'],
    ['stdout', 'last'],
  ];
  for (const size of [1, 3, 7, 1_000]) {
    const parts = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
      whole.subarray(i * size, (i + 1) * size),
    );
    const lines = await all(logLines(chunks(...parts)));
    t.same(
      lines.map(({ stream, text }) => [stream, text]),
      expected,
      `in parts of ${size}`,
    );
    t.equal(lines[0]?.atMs, Date.parse('2026-01-01T00:00:00Z'));
  }
});

t.test('a line without end is cut, not kept in memory', async (t) => {
  const [line] = await all(logLines(chunks(frame(1, `${AT} ${'x'.repeat(1_000_000)}\n`))));
  t.equal(line?.text.length, 8_192);
});

t.test('what a command printed is bounded', async (t) => {
  t.equal(await outputText(chunks(frame(1, 'out '), frame(2, 'err')), 6), 'out er');
});

t.test('JSON lines: what is broken is dropped', async (t) => {
  const lines = await all(jsonLines(chunks(Buffer.from('{"a":1}\n\nnot json\n{"b"'), Buffer.from(':2}'))));
  t.same(lines, [{ a: 1 }, { b: 2 }]);
});
