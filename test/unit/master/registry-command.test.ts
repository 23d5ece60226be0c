import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { credentialsByCommand } from '../../../master/registry-command.js';

function aProgram(t: Test, lines: string): string {
  const file = join(t.testdir(), 'helper');
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o700);
  return file;
}

t.test('a credential helper is told the registry, and its arguments as they are', async (t) => {
  const helper = aProgram(
    t,
    `read host; printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' "$1" "$host"`,
  );
  t.same(await credentialsByCommand([helper, '$(id) ; x'], 'r.test'), {
    username: '$(id) ; x',
    password: 'r.test',
  });
});

t.test('it gets nothing of Orca’s environment', async (t) => {
  process.env.ORCA_KEY = 'the key';
  t.teardown(() => {
    delete process.env.ORCA_KEY;
  });
  const helper = aProgram(t, `printf '{"Username":"%s","Secret":"x"}' "\${ORCA_KEY:-none}"`);
  t.match(await credentialsByCommand([helper], 'r.test'), { username: 'none' });
});

t.test('what goes wrong is said, and nothing of what it printed', async (t) => {
  const fails = (lines: string, says: RegExp) =>
    t.rejects(credentialsByCommand([aProgram(t, lines)], 'r.test', 400), { message: says }, lines);
  await fails('echo hush; echo no role >&2; exit 3', /helper ended with 3: no role$/);
  await fails('echo hush', /helper did not print \{"Username": …, "Secret": …\}$/);
  await fails('echo \'{"Username":"u","Secret":""}\'', /did not print/);
  await fails('exec sleep 20', /helper was not done within 0.4 s$/);
  await fails('exec head -c 200000 /dev/zero', /helper printed too much$/);
  await t.rejects(credentialsByCommand([join(t.testdir(), 'none')], 'r.test'), {
    message: /none is not on the host of the master/,
  });
});
