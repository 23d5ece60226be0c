import t from 'tap';
import { createLines } from '../../../../agent/build/lines.js';

function linesOf(...pieces: string[]): string[] {
  const lines: string[] = [];
  const of = createLines((line) => lines.push(line));
  for (const piece of pieces) of.add(piece);
  of.end();
  return lines;
}

t.test('pieces become lines, without colours, control characters and what was rewritten', async (t) => {
  t.same(linesOf('a', 'b\nc', '\n\n', 'd'), ['ab', 'c', 'd']);
  t.same(linesOf('\u001b[31mred\u001b[0m\u0007\tend\n'), ['red\tend']);
  t.same(linesOf('10 %\r50 %\rdone\r\n'), ['done']);
});

t.test('a line without an end costs no memory, and is said to be cut', async (t) => {
  const [line = '', next] = linesOf(...Array.from({ length: 1_000 }, () => 'x'.repeat(10_000)), '\nnext');
  t.equal(line, `${'x'.repeat(8_192)} …`);
  t.equal(next, 'next');
});
