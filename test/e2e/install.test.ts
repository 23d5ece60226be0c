/** install.sh, as root, beside everything else: from nothing to an answer, again, and back to nothing. */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { containersWith, dockerCall, testDocker } from '../support/docker.js';
import { freePorts } from '../support/free-port.js';
import { oneAtATime } from '../support/one-at-a-time.js';
import { isAlive, killHard, processesOf } from '../support/processes.js';
import { repository } from '../support/source-tree.js';
import { waitFor } from '../support/wait-for.js';

// All link the one command of the machine.
await oneAtATime('install');
const home = join(mkdtempSync('/tmp/orca-install-'), 'home');
const [api, http, https] = await freePorts(3);
const options = [
  '--home',
  home,
  '--listen',
  `127.0.0.1:${api}`,
  '--http-port',
  `${http}`,
  '--https-port',
  `${https}`,
];
const command = '/usr/local/bin/orca';
const hadCommand = existsSync(command);
const run = promisify(execFile);
/** Another Orca on this Docker may have made it: then it is not this one's to remove. */
const demoImage = async () => (await dockerCall('GET', '/images/orca-demo/hello:1/json')).status;
const hadDemoImage = await demoImage();
const install = async (...args: string[]) => {
  const { ORCA_HOME, ...env } = process.env;
  // As in a container of Docker, which limits no core files.
  const words = ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', join(repository, 'install.sh'), ...args];
  return run('sh', words, { env, timeout: 300_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      output: error.stdout + error.stderr,
    }),
  );
};
t.teardown(async () => {
  if (existsSync(home)) await install('--uninstall', '--purge', '--home', home);
  rmSync(join(home, '..'), { recursive: true, force: true });
});

t.test('--demo ends with an HTTPS URL and a curl line that answers', { timeout: 300_000 }, async (t) => {
  // What an Orca left whose folder somebody removed. An Orca of this machine keeps its command.
  const left = existsSync(command) ? null : join(home, '../removed/run/orca');
  if (left !== null) {
    rmSync(command, { force: true });
    symlinkSync(left, command);
  }
  const { code, output } = await install('--demo', ...options, '--docker', testDocker());
  t.equal(code, 0, output);
  if (left !== null) t.equal(readlinkSync(command), join(home, 'run/orca'));
  t.match(output, new RegExp(`https://hello\\.localhost:${https}/`));
  const line = output.match(/^ +(curl .*)$/m)?.[1] ?? '';
  const { stdout } = await run('sh', ['-c', line.replace('curl', 'curl -sS')]);
  t.match(stdout, /Hello from Orca/);
  const running = processesOf(home);
  t.ok(running.length >= 4, 'master, agent, Caddy and what serves names');
  for (const { pid, command } of running)
    t.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size +0 /m, command.join(' '));
});

t.test('again it does nothing, and the master goes on', async (t) => {
  const pid = readFileSync(join(home, 'run/server.pid'), 'utf8');
  const { code, output } = await install('--home', home);
  t.equal(code, 0, output);
  t.notMatch(output, /==> (install|start|restart|build)/);
  t.equal(readFileSync(join(home, 'run/server.pid'), 'utf8'), pid);
  t.ok(isAlive(Number(pid)));
});

t.test('a server that is killed is started again', async () => {
  const pid = readFileSync(join(home, 'run/server.pid'), 'utf8');
  await killHard(Number(pid));
  await waitFor('another server', () => readFileSync(join(home, 'run/server.pid'), 'utf8') !== pid);
  await waitFor(
    'an answer',
    async () => (await run(join(home, 'run/orca'), ['status'], { env: { ORCA_HOME: home } })).stdout,
  );
});

t.test('wrong use is one line', async (t) => {
  for (const args of [
    ['--frobnicate'],
    ['--home'],
    ['--join', 'https://x'],
    ['--join', 'x', '--token', 'y'],
  ]) {
    const { code, output } = await install(...args);
    t.equal(code, 1);
    t.equal(output.trim().split('\n').length, 1);
  }
});

t.test(
  'a join token is asked for on the terminal, is not shown there, and may come from a file',
  async (t) => {
    const token = `orca-join.j-0123abcd.${'s'.repeat(43)}.${'0'.repeat(64)}`;
    const line = `sh ${join(repository, 'install.sh')} --join https://127.0.0.1:1 --home ${home}-joining`;
    // As a human has it: a terminal, and a script on standard input.
    const typed = execFile(
      'script',
      ['-qec', `${line} < /dev/null`, '/dev/null'],
      { timeout: 60_000 },
      () => undefined,
    );
    let shown = '';
    typed.stdout?.on('data', (text) => {
      shown += text;
    });
    await waitFor('the question', () => shown.includes('(not shown): '));
    typed.stdin?.write(`${token}\n`);
    await waitFor('its end', () => typed.exitCode !== null);
    t.match(shown, /no answer/);
    t.notMatch(shown, 'sssss');
    const joining = (url: string, from: string) =>
      install('--join', url, '--token-file', from, '--home', `${home}-joining`);
    const file = join(home, '../token.txt');
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    t.match((await joining('https://127.0.0.1:1', file)).output, /no answer/);
    t.match((await joining('https://x', '/none')).output, /wants a file that can be read/);
  },
);

t.test('--uninstall leaves nothing', async (t) => {
  const cluster = readFileSync(join(home, 'install.manifest'), 'utf8').match(/^cluster (.*)$/m)?.[1] ?? '';
  const { code, output } = await install('--uninstall', '--home', home);
  t.equal(code, 0, output);
  t.notOk(existsSync(home));
  t.equal(existsSync(command), hadCommand);
  t.same(processesOf(home), []);
  t.same(
    (await containersWith({ 'orca.cluster': cluster })).filter(
      ({ Labels }) => Labels['orca.service'] === 'hello',
    ),
    [],
  );
  t.equal(await demoImage(), hadDemoImage);
  t.equal((await install('--uninstall', '--home', home)).code, 0, 'again is no error');
});
