import t from 'tap';
import { createLogStream } from '../../../../master/dispatch/log-stream.js';
import type { LogLine } from '../../../../shared/protocol.js';

const line = (text: string): LogLine => ({ atMs: 1, stream: 'stdout', text });

async function textsOf(stream: AsyncIterable<LogLine[]>): Promise<string[]> {
  const texts: string[] = [];
  for await (const lines of stream) texts.push(...lines.map(({ text }) => text));
  return texts;
}

t.test('lines come in order, those before the reader too, and the end closes it once', async (t) => {
  let closes = 0;
  const stream = createLogStream(() => closes++);
  stream.push([line('one')]);
  const reading = textsOf(stream);
  stream.push([line('two'), line('three')]);
  stream.end(null);
  stream.push([line('too late')]);
  t.same(await reading, ['one', 'two', 'three']);
  t.equal(closes, 1);
});

t.test('why it ended is its last line', async (t) => {
  const stream = createLogStream(() => {});
  stream.end('the node is gone');
  t.same(await textsOf(stream), ['orca: the node is gone']);
});

t.test('a reader that goes away closes it', async (t) => {
  let closes = 0;
  const stream = createLogStream(() => closes++);
  stream.push([line('one')]);
  for await (const _ of stream) break;
  t.equal(closes, 1);
});

t.test('a reader that is too slow is cut off and told so', async (t) => {
  const stream = createLogStream(() => {});
  for (let n = 0; n < 30; n++) stream.push(Array.from({ length: 1_000 }, () => line('x')));
  const texts = await textsOf(stream);
  t.ok(texts.length < 25_000);
  t.match(texts.at(-1), /too slow/);
});
