/** Backups of a running master, and homes made of them: whole or not at all, whatever is given and whenever it ends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { writeArchive } from '../../master/backup/archive.js';
import { restoreHome } from '../../master/backup/restore.js';
import { startMaster } from '../../master/main.js';
import { openStore } from '../../master/store/store.js';
import { aBody, agentOf, serviceOf } from '../support/master-words.js';
import { type TestMaster, testMaster } from '../support/test-master.js';
import { orca } from '../unit/cli/fake-io.js';

const dying = fileURLToPath(new URL('../support/dying-restore.js', import.meta.url));

function aFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'orca-backup-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A master with one service that runs on an obedient agent. */
async function aMaster(t: Test): Promise<TestMaster> {
  const m = await testMaster({ toml: '[cluster]\nname = "shop"\n' });
  t.teardown(() => m.stop());
  mkdirSync(join(m.home, 'certs'));
  writeFileSync(join(m.home, 'certs', 'own.pem'), 'a certificate');
  // What leads out of the home, or would hold a reader for ever, is none of it.
  symlinkSync('own.pem', join(m.home, 'certs', 'link.pem'));
  symlinkSync('/etc/passwd', join(m.home, 'certs', 'out.pem'));
  symlinkSync('/', join(m.home, 'certs', 'root'));
  execFileSync('mkfifo', [join(m.home, 'certs', 'pipe')]);
  const agent = await agentOf(m);
  t.teardown(() => agent.close());
  agent.obey();
  await m.api('POST', '/deploy?wait=20s', { services: [aBody()] });
  return m;
}

async function aBackup(t: Test): Promise<{ m: TestMaster; file: string; folder: string }> {
  const m = await aMaster(t);
  const folder = aFolder(t);
  const file = join(folder, 'backup.tar');
  const { exit, err } = await orca(['backup', file], { home: m.home });
  t.equal(exit, 0, err);
  return { m, file, folder };
}

/** Every file below a folder with what is in it, but for sockets and the like. */
function contents(folder: string): Record<string, string> {
  const all = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const files = all.filter((name) => statSync(join(folder, name)).isFile() && !name.endsWith('lock.mdb'));
  const sum = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return Object.fromEntries(files.sort().map((name) => [name, sum(name)]));
}

const restoring = (home: string, file: string, force = false) =>
  restoreHome({ home, source: createReadStream(file), force });

t.test('a backup of a running master is one file, closed to others, and an ordinary tar', async (t) => {
  const { m, file, folder } = await aBackup(t);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n');
  t.same(names, [
    'orca-backup.json',
    'cluster.db/data.mdb',
    'ca.pem',
    'ca.key',
    'master.key',
    'sealed.bound',
    'cluster.token',
    'cluster.toml',
    'certs/link.pem',
    'certs/own.pem',
    'agent/agent.json',
    'checksums.json',
  ]);
  t.same(readdirSync(join(m.home, 'backup.partial')), [], 'the copy of the store is gone');
  t.match((await m.api('GET', '/events')).body, /a backup was made for admin/);

  const before = readFileSync(file);
  const again = await orca(['backup', file], { home: m.home });
  t.match(again, { exit: 2, err: /is there already/ });
  t.ok(readFileSync(file).equals(before));
  t.equal((await orca(['backup', file, '--force'], { home: m.home })).exit, 0);
  const piped = await orca(['backup', '-'], { home: m.home });
  writeFileSync(join(folder, 'piped.tar'), Buffer.from(piped.out, 'latin1'));
  t.equal((await restoring(join(folder, 'home'), join(folder, 'piped.tar'))).head.cluster_name, 'shop');
  t.same(readdirSync(folder).sort(), ['backup.tar', 'home', 'piped.tar'], 'nothing half is left');
});

t.test('only an admin may have one', async (t) => {
  const m = await testMaster({ toml: '[[token]]\nname = "hands"\nvalue = "push-it"\nrole = "deployer"\n' });
  t.teardown(() => m.stop());
  const asked = await m.api('GET', '/backup', undefined, { authorization: 'Bearer push-it' });
  t.match(asked, { status: 403, json: { code: 'NOT_ALLOWED' } });
  const folder = aFolder(t);
  const { exit } = await orca(['backup', join(folder, 'x.tar')], {
    home: m.home,
    env: { ORCA_TOKEN: 'push-it' },
  });
  t.equal(exit, 4);
  t.same(readdirSync(folder), []);
});

t.test('a fresh home of a backup is that master again', async (t) => {
  const { m, file, folder } = await aBackup(t);
  const home = join(folder, 'home');
  const { exit, out, err } = await orca(['restore', file, '--home', home], { home: m.home });
  t.equal(exit, 0, err);
  t.match(out, /is shop as of/);
  for (const name of ['ca.pem', 'ca.key', 'master.key', 'cluster.token', 'cluster.toml', 'certs/own.pem'])
    t.equal(readFileSync(join(home, name), 'utf8'), readFileSync(join(m.home, name), 'utf8'), name);
  t.equal(statSync(home).mode & 0o777, 0o700);
  t.equal(statSync(join(home, 'ca.key')).mode & 0o777, 0o600);
  const options = { listen: '127.0.0.1:0', noAgent: true, env: { ORCA_LOG_LEVEL: 'fatal' } };
  const master = await startMaster({ ...options, home });
  t.teardown(() => master.stop());
  const port = Number(new URL(master.url).port);
  const status = await orca(['status', '--json', '--api', master.url], { home });
  t.match(JSON.parse(status.out), { cluster_name: 'shop', services: [{ name: 'api', release: 'v1' }] });
  t.ok(port > 0);
});

t.test('what is no whole backup is refused, and nothing has changed', async (t) => {
  const { file, folder } = await aBackup(t);
  const home = join(folder, 'home');
  await restoring(home, file);
  const before = contents(home);
  const whole = readFileSync(file);
  const spoilt = join(folder, 'spoilt.tar');
  const refused = async (bytes: Buffer, what: string, code = 'BACKUP_INVALID') => {
    writeFileSync(spoilt, bytes);
    await t.rejects(restoring(home, spoilt, true), { code }, what);
    t.same(contents(home), before, what);
  };
  for (let step = 0; step < 12; step += 1) {
    const length = Math.floor((whole.length * step) / 12);
    await refused(whole.subarray(0, length), `cut short at ${length}`);
  }
  await refused(whole.subarray(0, whole.length - 2_048), 'without its last entry');
  for (let step = 1; step < 16; step += 1) {
    const bytes = Buffer.from(whole);
    const at = Math.floor((whole.length * step) / 16);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    // A byte of padding between two entries means nothing.
    const isPadding = whole.readUInt8(at) === 0;
    if (!isPadding) await refused(bytes, `a bit is another one at ${at}`);
  }
  await refused(Buffer.from('PK\u0003\u0004 something else'.repeat(100)), 'another kind of file');
  execFileSync('tar', ['cf', join(folder, 'foreign.tar'), '-C', home, 'ca.pem']);
  await refused(readFileSync(join(folder, 'foreign.tar')), 'another kind of tar');
  const head = {
    format: 1,
    version: '9.0.0',
    schema: 99,
    created_at: '2030-01-01',
    cluster_id: 'c',
    cluster_name: 'c',
  };
  await refused(await buffer(writeArchive(head, [])), 'of a later schema', 'STORE_TOO_NEW');
  const later = await buffer(writeArchive({ ...head, format: 2 }, []));
  await refused(later, 'of a later format');
  const outside = [{ name: '../outside', path: file }];
  await refused(await buffer(writeArchive({ ...head, schema: 1 }, outside)), 'a file outside of the home');
  t.notOk(existsSync(join(folder, 'outside')));
  await refused(await buffer(writeArchive({ ...head, schema: 1 }, [])), 'without a store');
});

t.test('a home that is taken is refused, and replaced by force, which keeps it', async (t) => {
  const { m, file, folder } = await aBackup(t);
  await t.rejects(restoring(m.home, file, true), { code: 'ALREADY_RUNNING' });
  const home = join(folder, 'home');
  await restoring(home, file);
  appendFileSync(join(home, 'cluster.toml'), '# mine\n');
  writeFileSync(join(home, 'agent', 'assignment.json'), '{}');
  const before = contents(home);
  await t.rejects(restoring(home, file), { code: 'HOME_TAKEN', message: /cluster.db/, hint: /--force/ });
  t.same(contents(home), before);
  const { before: kept } = await restoring(home, file, true);
  t.match(kept, /home\.before-20/);
  t.match(readFileSync(join(kept ?? '', 'cluster.toml'), 'utf8'), /# mine/);
  t.notMatch(readFileSync(join(home, 'cluster.toml'), 'utf8'), /# mine/);
  t.ok(existsSync(join(home, 'agent', 'assignment.json')), 'what the agent of that node remembers stays');
  t.ok(existsSync(join(kept ?? '', 'cluster.db', 'data.mdb')));
});

t.test('a restore that is killed leaves the old home or the new one', async (t) => {
  const { file, folder } = await aBackup(t);
  const seen = new Set<string>();
  for (let dieAt = 1; ; dieAt += 1) {
    const home = join(folder, `home-${dieAt}`);
    await restoring(home, file);
    writeFileSync(join(home, 'cluster.token'), 'old\n');
    writeFileSync(join(home, 'agent', 'agent.json'), JSON.stringify({ nodeId: 'n-old' }));
    const old = contents(home);
    const { signal, status } = spawnSync(process.execPath, [dying, home, file, String(dieAt)]);
    const options = { home, listen: '127.0.0.1:0', noAgent: true, env: { ORCA_LOG_LEVEL: 'fatal' } };
    const master = await startMaster(options);
    await master.stop();
    const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
    const which = token === 'old' ? 'old' : 'new';
    seen.add(which);
    const node = JSON.parse(readFileSync(join(home, 'agent', 'agent.json'), 'utf8')) as { nodeId: string };
    t.equal(node.nodeId === 'n-old', which === 'old', `killed before rename ${dieAt}: all of it is ${which}`);
    const store = openStore(join(home, 'cluster.db'));
    t.equal(store.service('default/api')?.planned.stable, 1);
    await store.close();
    if (which === 'new') {
      const kept = readdirSync(folder).find((name) => name.startsWith(`home-${dieAt}.before-`));
      t.same(contents(join(folder, kept ?? '')), old, 'the old one is whole');
    }
    t.same(
      readdirSync(home).filter((name) => name.startsWith('restore.')),
      [],
    );
    if (signal === null) {
      t.equal(status, 0);
      break;
    }
  }
  t.same([...seen].sort(), ['new', 'old']);
});

t.test('a backup is of one moment, while rollouts go on', async (t) => {
  const m = await aMaster(t);
  const folder = aFolder(t);
  let isOver = false;
  const deploying = (async () => {
    for (let release = 2; !isOver; release += 1)
      await m.api('POST', '/deploy?wait=20s', {
        services: [aBody({ image: `app:${release}`, replicas: 3 })],
      });
  })();
  for (let round = 0; round < 8; round += 1) {
    const file = join(folder, `${round}.tar`);
    t.equal((await orca(['backup', file], { home: m.home })).exit, 0);
    const home = join(folder, `home-${round}`);
    await restoring(home, file);
    const store = openStore(join(home, 'cluster.db'));
    const service = store.service('default/api');
    const releases = store.releases('default/api').map(({ number }) => number);
    t.ok(releases.includes(service?.planned.stable ?? 0));
    for (const allocation of store.allAllocations()) t.ok(releases.includes(allocation.release));
    t.equal(service?.planned.nextRelease, Math.max(...releases) + 1);
    await store.close();
  }
  isOver = true;
  await deploying;
  t.equal((await serviceOf(m))?.status, 'running');
});
