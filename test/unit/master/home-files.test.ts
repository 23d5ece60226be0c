import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkHomeFiles, closeStore, refuseWritable } from '../../../master/home-files.js';

const uid = process.getuid?.() ?? 0;

function aHome(t: Test) {
  const home = mkdtempSync(join(tmpdir(), 'orca-home-'));
  t.teardown(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, 'agent'));
  const write = (name: string, mode: number): string => {
    writeFileSync(join(home, name), 'x', { mode });
    chmodSync(join(home, name), mode);
    return join(home, name);
  };
  return { home, write };
}

t.test("an empty home, and one whose keys are its owner's alone, are fine", async (t) => {
  const { home, write } = aHome(t);
  t.same(checkHomeFiles(home), []);
  for (const name of ['master.key', 'ca.key', 'cluster.token', 'agent/node.key']) write(name, 0o600);
  write('ca.pem', 0o644);
  t.same(checkHomeFiles(home), []);
});

t.test('a key that others could have read or written is refused, with the line that mends it', async (t) => {
  for (const name of ['master.key', 'ca.key', 'cluster.token', 'agent/node.key'])
    for (const mode of [0o640, 0o604, 0o620, 0o602]) {
      const { home, write } = aHome(t);
      const path = write(name, mode);
      t.throws(() => checkHomeFiles(home), {
        code: 'HOME_UNSAFE',
        message: new RegExp(`${path} could be read or written.*mode 0${mode.toString(8)}`),
        hint: new RegExp(`chmod 600 ${path}`),
      });
      chmodSync(path, 0o600);
      t.same(checkHomeFiles(home), [], 'as the hint says');
    }
});

t.test('what belongs to another user is refused before anything is read', async (t) => {
  const { home, write } = aHome(t);
  write('cluster.db', 0o600);
  t.throws(() => checkHomeFiles(home, uid + 1), {
    code: 'HOME_UNSAFE',
    message: new RegExp(`${home} belongs to user ${uid}`),
    hint: /chown -R/,
  });
});

t.test('the store is shut, and said to have been open', async (t) => {
  const { home, write } = aHome(t);
  const folder = join(home, 'cluster.db');
  mkdirSync(folder, { mode: 0o755 });
  const path = write('cluster.db/data.mdb', 0o644);
  t.match(checkHomeFiles(home), [
    /cluster\.db was open to other users of this host \(mode 0755\)/,
    /data\.mdb was open to other users of this host \(mode 0644\)/,
  ]);
  t.equal(statSync(folder).mode & 0o777, 0o700, 'a folder that its owner can enter');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.same(closeStore(home), []);
});

t.test('who can write the configuration or the home can make admins', async (t) => {
  const { home, write } = aHome(t);
  const path = write('cluster.toml', 0o646);
  t.throws(() => checkHomeFiles(home), {
    ...{ code: 'HOME_UNSAFE', message: /cluster\.toml could be written by other users \(mode 0646\)/ },
    hint: /chmod go-w/,
  });
  chmodSync(path, 0o644);
  t.same(checkHomeFiles(home), []);
  chmodSync(home, 0o770);
  t.throws(() => refuseWritable(home), { code: 'HOME_UNSAFE', message: /could be written by other users/ });
  t.doesNotThrow(() => refuseWritable(join(home, 'none')));
});
