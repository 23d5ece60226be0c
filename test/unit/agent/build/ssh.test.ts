import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { SHIPPED_HOSTS } from '../../../../agent/build/known-hosts.js';
import { fingerprintOf, pinnedKeys, sshEnvironment } from '../../../../agent/build/ssh.js';
import { makeKey } from '../../../../master/control/deploy-keys.js';

/** As each publishes them. */
const PUBLISHED: Record<string, string> = {
  'github.com': 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
  'gitlab.com': 'SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8',
  'bitbucket.org': 'SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM',
  'codeberg.org': 'SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g',
};

t.test('the host keys that are shipped are those that are published', async (t) => {
  const shipped = SHIPPED_HOSTS.map((line) => line.split(' ')).map(([host = '', , key = '']) => [
    host,
    fingerprintOf(key),
  ]);
  t.same(Object.fromEntries(shipped), PUBLISHED);
});

t.test('ssh is told by a file, and its command line names nothing of anybody', async (t) => {
  const folder = join(t.testdir(), 'a "folder" %h');
  const env = await sshEnvironment({ folder, pinned: join(folder, 'pinned'), key: '/run/k%y' });
  t.equal(env.GIT_SSH_COMMAND, 'ssh -F "$ORCA_SSH_CONFIG"');
  const config = await readFile(env.ORCA_SSH_CONFIG ?? '', 'utf8');
  t.match(config, /IdentityFile "\/run\/k%%y"/);
  t.match(config, /StrictHostKeyChecking accept-new/);
  t.match(await readFile(join(folder, 'known_hosts'), 'utf8'), /^github\.com ssh-ed25519 /);
  const [host = '', type = '', key = ''] = SHIPPED_HOSTS[0].split(' ');
  writeFileSync(join(folder, 'pinned'), `${host} ${type} ${key}\n`);
  t.same(await pinnedKeys(join(folder, 'pinned')), [`github.com ssh-ed25519 ${PUBLISHED['github.com']}`]);
  t.same(await pinnedKeys(join(folder, 'none')), []);
});

t.test('a deploy key is one that OpenSSH reads, and no two are alike', async (t) => {
  const one = makeKey('orca-shop-api');
  const path = join(t.testdir(), 'key');
  writeFileSync(path, one.privateKey, { mode: 0o600 });
  const read = execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim();
  t.equal(read, one.publicKey);
  const shown = execFileSync('ssh-keygen', ['-l', '-f', path], { encoding: 'utf8' });
  t.ok(shown.includes(one.fingerprint), shown);
  t.not(makeKey('x').privateKey, one.privateKey);
});
