/**
 * A program: runs test files, each in a process of its own, so many at a time, and prints one TAP of them all:
 * `node run-suites.js [-jN] [--timeout=SECONDS] FILE|FOLDER…`. It is `tap` without what that loads into each of them and into every
 * process that they start (hooks that write down which files were imported, for a coverage that nobody asks for here): 0.4 s of CPU each. On
 * a terminal a file that passes is one line.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import t from 'tap';

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string', short: 'j' }, timeout: { type: 'string' } },
  allowPositionals: true,
});
const files = positionals.flatMap(filesOf);
if (files.length === 0) throw new Error('no test files are named');
const timeout = Number(values.timeout ?? 60);
t.setTimeout(0);
t.jobs = Number(values.jobs ?? 1);
if (process.stdout.isTTY) printShort();
// It puts its hooks into the environment of what it starts.
for (const file of files)
  t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', file], {
    timeout: timeout * 1_000,
    // Each test of the file has as long too.
    env: { ...process.env, TAP_TIMEOUT: String(timeout) },
    name: file,
  }).catch(() => undefined);

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const found = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return found
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(path, name))
    .sort();
}

/** What a file says is kept until it is known how it ended. */
function printShort(): void {
  const all = new PassThrough();
  let kept: string[] = [];
  createInterface({ input: all }).on('line', (line) => {
    const isResult = /^(ok|not ok) /.test(line);
    if (line.startsWith('not ok ')) process.stdout.write(`${kept.join('\n')}\n`);
    if (isResult || line.startsWith('# {')) process.stdout.write(`${line}\n`);
    if (isResult) kept = [];
    else kept.push(line);
  });
  t.pipe(all);
}
