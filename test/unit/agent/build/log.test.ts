import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openBuildLogs } from '../../../../agent/build/log.js';

const never = new AbortController().signal;

async function allOf(lines: AsyncIterable<{ text: string }>): Promise<string[]> {
  const all: string[] = [];
  for await (const { text } of lines) all.push(text);
  return all;
}

t.test('a log is what was written, for its owner alone, and goes on after a restart', async (t) => {
  const folder = t.testdir();
  for (const words of ['one', 'two']) {
    const log = await openBuildLogs(folder).open('b-1');
    log.line(`${words}: ä`);
    await log.end();
  }
  const logs = openBuildLogs(folder);
  t.same(await allOf(logs.read('b-1', { tail: null, follow: true }, never)), ['one: ä', 'two: ä']);
  t.same(await allOf(logs.read('b-1', { tail: 1, follow: false }, never)), ['two: ä']);
  t.equal(statSync(join(folder, 'b-1.log')).mode & 0o777, 0o600);
  await t.rejects(allOf(logs.read('b-2', { tail: null, follow: false }, never)), /is not on its node/);
  await t.rejects(allOf(logs.read('../x', { tail: null, follow: false }, never)), /is no build/);
});

t.test('who follows sees each line as it comes, and the end', async (t) => {
  const logs = openBuildLogs(t.testdir());
  const log = await logs.open('b-1');
  log.line('first');
  const seen: string[] = [];
  for await (const { text } of logs.read('b-1', { tail: null, follow: true }, never)) {
    seen.push(text);
    if (seen.length < 3) log.line(`after ${text}`);
    else await log.end();
  }
  t.same(seen, ['first', 'after first', 'after after first']);
});

t.test('a long log keeps its beginning and its last lines, and says what is missing', async (t) => {
  const folder = t.testdir();
  const logs = openBuildLogs(folder, 20_000);
  const log = await logs.open('b-1');
  for (let at = 0; at < 5_000; at += 1) log.line(`line ${at}`);
  await log.end();
  const lines = await allOf(logs.read('b-1', { tail: null, follow: false }, never));
  t.equal(lines[0], 'line 0');
  t.equal(lines.at(-1), 'line 4999');
  t.ok(
    lines.some((line) =>
      /^orca: the log is cut here at .*: of \d+ more lines .* these are the last 200$/.test(line),
    ),
  );
  t.ok(readFileSync(join(folder, 'b-1.log')).length < 40_000);
});
