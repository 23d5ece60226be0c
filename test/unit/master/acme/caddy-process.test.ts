/** The life of a Caddy that shows a record, with programs of a few lines in its place. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { clearCaddies, startCaddy } from '../../../../master/acme/caddy-process.js';
import { identityOf, isAlive } from '../../../../shared/process-identity.js';
import { aProgram } from '../../../support/dns-caddy.js';
import { waitFor } from '../../../support/wait-for.js';

const env = process.env;
const hide = (text: string): string => text.replaceAll('s3cret', 'HIDDEN');

t.test('its configuration is on its standard input, and in no argument and no file', async (t) => {
  const home = t.testdir();
  const binary = aProgram(
    home,
    'caddy',
    `echo "$@" > ${home}/argv; cat > ${home}/stdin; env > ${home}/env; echo 'out of luck' >&2; exit 3`,
  );
  const folder = join(home, 'folders', 'one');
  const caddy = startCaddy({ binary, verb: 'run', config: { secret: 's3cret' }, folder, env, hide });
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.same(await caddy.ended, { code: 3, lastWords: 'out of luck' });
  t.equal(readFileSync(join(home, 'argv'), 'utf8'), 'run --config -\n');
  t.equal(readFileSync(join(home, 'stdin'), 'utf8'), '{"secret":"s3cret"}');
  t.match(readFileSync(join(home, 'env'), 'utf8'), new RegExp(`^HOME=${folder}$`, 'm'));
  t.notMatch(readFileSync(join(home, 'env'), 'utf8'), /s3cret/);
  t.notOk(existsSync(folder), 'and nothing of it is left');
});

t.test('one that can not be run at all, and one that says why it gave up', async (t) => {
  const home = t.testdir();
  const folder = join(home, 'one');
  const none = startCaddy({ binary: join(home, 'nothing'), verb: 'run', config: {}, folder, env, hide });
  t.match(await none.ended, { lastWords: /nothing|ENOENT/ });
  const error = JSON.stringify({ level: 'error', logger: 'tls.obtain', msg: 'm', error: 'no such zone' });
  const binary = aProgram(home, 'caddy', `echo '${error}' >&2; exec sleep 300`);
  const caddy = startCaddy({ binary, verb: 'run', config: {}, folder, env, hide });
  t.equal(await caddy.failed, 'no such zone');
  t.equal(caddy.lastWords(), 'no such zone');
  caddy.end();
  t.match(await caddy.ended, { code: null });
});

t.test('a secret is taken out of what it says before that is cut', async (t) => {
  const home = t.testdir();
  const error = JSON.stringify({
    level: 'error',
    logger: 'tls.obtain',
    error: `${'x'.repeat(595)}s3cret and more`,
  });
  const binary = aProgram(home, 'caddy', `echo '${error}' >&2; exec sleep 300`);
  const caddy = startCaddy({ binary, verb: 'run', config: {}, folder: join(home, 'one'), env, hide });
  const words = await caddy.failed;
  t.equal(words.length, 600);
  t.match(words, /xHIDDE$/);
  caddy.end();
  await caddy.ended;
});

t.test('what a master before has left is ended by who it is, and its folder removed', async (t) => {
  const parent = t.testdir();
  const left = spawn('sleep', ['300']);
  const other = spawn('sleep', ['300']);
  t.teardown(() => other.kill('SIGKILL'));
  const folderOf = (name: string, identity: object | string) => {
    mkdirSync(join(parent, name));
    writeFileSync(join(parent, name, 'pid.json'), JSON.stringify(identity));
  };
  const identity = identityOf(left.pid ?? 0);
  if (!identity) throw new Error('it does not run');
  folderOf('left', identity);
  folderOf('reused', { pid: other.pid, startTicks: '1' });
  folderOf('damaged', 'nonsense');
  mkdirSync(join(parent, 'empty'));
  const ended = once(left, 'exit');
  clearCaddies(parent);
  await ended;
  t.notOk(isAlive(identity));
  t.equal(other.exitCode, null, 'a pid that is somebody else now');
  for (const name of ['left', 'reused', 'damaged', 'empty']) t.notOk(existsSync(join(parent, name)), name);
  clearCaddies(join(parent, 'not-there'));
});

t.test('it dies with the process that started it', async (t) => {
  const home = t.testdir();
  const binary = aProgram(home, 'caddy', `echo $$ > ${home}/pid; exec sleep 300`);
  const program = fileURLToPath(new URL('../../../../master/acme/caddy-process.js', import.meta.url));
  const code = `const { startCaddy } = await import(${JSON.stringify(program)});
    startCaddy({ binary: ${JSON.stringify(binary)}, verb: 'run', config: {}, folder: ${JSON.stringify(join(home, 'one'))}, env: process.env, hide: String });
    setInterval(() => {}, 1000);`;
  const master = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
  const pid = await waitFor(
    'it to run',
    () => existsSync(join(home, 'pid')) && Number(readFileSync(join(home, 'pid'), 'utf8')),
  );
  t.ok(identityOf(pid));
  await waitFor('it to be known', () => existsSync(join(home, 'one', 'pid.json')));
  master.kill('SIGKILL');
  await waitFor('it to be gone', () => identityOf(pid) === null);
  t.ok(existsSync(join(home, 'one', 'pid.json')), 'its folder is for the next one to remove');
});
