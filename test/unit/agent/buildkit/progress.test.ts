import t from 'tap';
import { createProgress } from '../../../../agent/buildkit/progress.js';
import { bytesField, numberField, textField } from '../../../../agent/buildkit/protobuf.js';

const time = bytesField(5, Buffer.alloc(0));
const ended = bytesField(6, Buffer.alloc(0));
const vertex = (digest: string, name: string, ...more: Buffer[]): Buffer =>
  bytesField(1, Buffer.concat([textField(1, digest), textField(3, name), ...more]));
const log = (digest: string, text: string): Buffer =>
  bytesField(3, Buffer.concat([textField(1, digest), textField(4, text)]));

function linesOf(...messages: Buffer[]): string[] {
  const lines: string[] = [];
  const progress = createProgress((line) => lines.push(line));
  for (const message of messages) progress.add(message);
  progress.end();
  return lines;
}

t.test('steps are numbered as they begin, and what they print goes after their number', async (t) => {
  t.same(
    linesOf(
      vertex('b', '[2/2] RUN make'),
      vertex('a', '[1/2] FROM base', time),
      Buffer.concat([vertex('a', '[1/2] FROM base', time, ended), vertex('b', '[2/2] RUN make', time)]),
      log('b', 'one\ntw'),
      log('b', 'o\nrest'),
      vertex('b', '[2/2] RUN make', time, ended),
      vertex('b', '[2/2] RUN make', time, ended),
    ),
    ['#1 [1/2] FROM base', '#2 [2/2] RUN make', '#2 one', '#2 two', '#2 rest'],
  );
});

t.test('what was in the cache, what failed and what is warned of is said', async (t) => {
  const warning = bytesField(4, Buffer.concat([textField(3, 'mind\nthe gap')]));
  t.same(
    linesOf(
      vertex('a', '[1/2] RUN a', numberField(4, 1), time, ended),
      vertex('b', '[2/2] RUN b', time),
      vertex('b', '[2/2] RUN b', time, ended, textField(7, 'exit code: 3')),
      warning,
    ),
    ['#1 [1/2] RUN a', '#1 CACHED', '#2 [2/2] RUN b', '#2 ERROR: exit code: 3', 'warning: mind the gap'],
  );
});

t.test('control characters and names of several lines stay one line', async (t) => {
  t.same(linesOf(vertex('a', '[1/1] RUN <<EOF\nls\u001b[2J\nEOF', time)), ['#1 [1/1] RUN <<EOF ls [2J EOF']);
});
