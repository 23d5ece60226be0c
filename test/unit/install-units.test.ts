/** What install.sh writes for systemd, from its own functions, without root. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const script = readFileSync('install.sh', 'utf8');
const functionOf = (name: string): string =>
  new RegExp(`^${name}\\(\\) \\{\n.*?^\\}\n`, 'ms').exec(script)?.[0] ?? '';

function unit(t: Test, what: string, place: { home: string; here: string }): string[] {
  const units = mkdtempSync(join(tmpdir(), 'orca-units-'));
  t.teardown(() => rmSync(units, { recursive: true }));
  const lines = [
    'set -eu',
    'note() { :; }',
    functionOf('write_unit'),
    functionOf('shut_in'),
    `write_unit x "$what" '' '"/usr/bin/node" "main.js"'`,
  ];
  execFileSync('sh', ['-c', lines.join('\n')], { env: { ...process.env, ...place, units, what } });
  return readFileSync(join(units, 'x.service'), 'utf8').split('\n');
}

const usual = { home: '/var/lib/orca', here: '/srv/orca' };

t.test('master and agent write to their home, and get no rights that they do not have', async (t) => {
  for (const what of ['master', 'agent']) {
    const lines = unit(t, what, usual);
    for (const line of ['ReadWritePaths="/var/lib/orca"', 'NoNewPrivileges=yes', 'UMask=0077'])
      t.ok(lines.includes(line), `${what}: ${line}`);
    t.ok(lines.indexOf('[Install]') > lines.indexOf('NoNewPrivileges=yes'), 'in [Service]');
    t.notOk(
      lines.some((line) => line.startsWith('MemoryDenyWriteExecute')),
      'Node compiles at run time',
    );
  }
});

t.test('the agent keeps what names and secrets need: networks, packet rules and /run', async (t) => {
  const agent = unit(t, 'agent', usual).join('\n');
  t.match(agent, /^ProtectSystem=full$/m);
  t.match(agent, /^RestrictAddressFamilies=.*AF_NETLINK/m);
  t.notMatch(agent, /CapabilityBoundingSet=.*CAP_NET_(ADMIN|RAW)/);
  t.notMatch(agent, /^(PrivateDevices|PrivateNetwork|ProtectKernelTunables)=/m);
  t.notMatch(agent, /^ProtectControlGroups=/m, 'it makes the cgroup of a build');
  t.match(unit(t, 'master', usual).join('\n'), /^ProtectControlGroups=yes$/m);
  t.notMatch(agent, /^PrivateTmp=/m, 'where mounts lead is seen as Docker sees it');
  t.ok(unit(t, 'master', usual).includes('PrivateTmp=yes'));
  t.match(unit(t, 'master', usual).join('\n'), /^ProtectSystem=strict$/m);
});

t.test("a home below /tmp stays visible, and one with a sign of systemd's is what it is", async (t) => {
  t.notOk(unit(t, 'master', { home: '/tmp/x/home', here: '/srv/orca' }).includes('PrivateTmp=yes'));
  const odd = unit(t, 'master', { home: '/srv/50% of it', here: '/srv/orca' });
  t.ok(odd.includes('ReadWritePaths="/srv/50%% of it"'));
});
