import t from 'tap';
import { hostPath, mountProblem } from '../../../shared/mount-rules.js';

const isAllowed = (source: string, ...allowed: string[]) => mountProblem(source, allowed) === null;

t.test('paths are compared without dots, doubled and trailing slashes', async (t) => {
  t.equal(hostPath('/srv//a/./b/../c/'), '/srv/a/c');
  t.equal(hostPath('/../..'), '/');
  t.equal(hostPath('/var/run/docker.sock'), '/run/docker.sock');
  t.ok(isAllowed('/srv/a', '/srv/'));
  t.ok(isAllowed('/srv', '/srv'));
  t.notOk(isAllowed('/srv/../etc', '/srv'));
  t.notOk(isAllowed('/srvx', '/srv'), 'the name of a folder is no prefix');
  t.notOk(isAllowed('/etc', '/srv', '/data'));
});

t.test('what gives the host away is allowed by its own name only', async (t) => {
  t.notOk(isAllowed('/run/docker.sock'));
  t.ok(isAllowed('/var/run/docker.sock', '/run/docker.sock'));
  t.ok(isAllowed('/run/docker.sock', '/var/run/docker.sock'));
  t.notOk(isAllowed('/run/user', '/run/docker.sock'));
  t.notOk(isAllowed('/var/lib/docker/volumes', '/var/lib'));
  t.ok(isAllowed('/var/lib/docker/volumes', '/var/lib/docker/volumes'));
  t.ok(isAllowed('/var/lib/app', '/var/lib'));
});

t.test('a folder around such a place is not mounted with it inside', async (t) => {
  t.match(mountProblem('/var/lib', ['/var/lib']), { wanted: '/var/lib/containerd' });
  t.ok(isAllowed('/var/lib', '/var/lib', '/var/lib/docker', '/var/lib/containerd', '/var/lib/orca'));
  t.notOk(isAllowed('/', '/srv'));
  t.notOk(isAllowed('/', '/proc'));
});

t.test('who allows / has allowed everything, by its name', async (t) => {
  for (const path of ['/', '/etc', '/proc/sys', '/run/docker.sock']) t.ok(isAllowed(path, '/'), path);
});

t.test('the home is guarded like Docker', async (t) => {
  t.match(mountProblem('/data/orca/agent', ['/data'], ['/data/orca']), { reason: /\/data\/orca/ });
});
