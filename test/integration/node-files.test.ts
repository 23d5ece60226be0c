/** What a master hands to hosts that are to join: the same for everybody, named by its SHA-256, bounded, nothing secret. */
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { repository } from '../support/source-tree.js';
import { testMaster } from '../support/test-master.js';
import { waitFor } from '../support/wait-for.js';

const m = await testMaster();
t.teardown(() => m.stop());
const ca = readFileSync(join(m.home, 'ca.pem'));

const open = (path: string): Promise<import('node:http').IncomingMessage> =>
  new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: m.port, path, ca, agent: false }, resolve).once('error', reject);
  });
const get = async (path: string) => {
  const response = await open(path);
  return { status: response.statusCode, body: await text(response) };
};
const manifest = async () => {
  const { body } = await get('/node/manifest');
  const line = (name: string): string[] =>
    body.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]?.split(' ') ?? [];
  return { body, line };
};

t.test(
  'the script and the manifest need no token; the manifest has the CA, the time and two files',
  async (t) => {
    t.same(await get('/install.sh'), {
      status: 200,
      body: readFileSync(join(repository, 'install.sh'), 'utf8'),
    });
    const { body, line } = await manifest();
    t.ok(Math.abs(Number(line('time')[0]) * 1_000 - Date.now()) < 5_000);
    t.equal(
      new X509Certificate(body.slice(body.indexOf('-----BEGIN'))).fingerprint256,
      new X509Certificate(ca).fingerprint256,
    );
    t.same(line('runtime').slice(2), [`${process.platform}-${process.arch}`, process.version]);
    t.equal((await get('/node/other')).status, 401, 'and nothing else is open');
  },
);

t.test('the files are those of the manifest, and the agent runs from its archive alone', async (t) => {
  const folder = t.testdir();
  for (const name of ['agent', 'runtime']) {
    const [sha256 = '', bytes] = (await manifest()).line(name);
    const response = await open(`/node/files/${sha256}`);
    t.equal(response.headers['content-length'], bytes);
    const hash = createHash('sha256');
    const parts: Buffer[] = [];
    for await (const part of response) {
      hash.update(part);
      if (name === 'agent') parts.push(part);
    }
    t.equal(hash.digest('hex'), sha256, name);
    if (name === 'agent') writeFileSync(join(folder, 'agent.tar.gz'), Buffer.concat(parts));
  }
  mkdirSync(join(folder, 'agent'));
  execFileSync('tar', ['-xzf', join(folder, 'agent.tar.gz'), '-C', join(folder, 'agent')]);
  const command = (file: string, ...args: string[]) =>
    execFileSync(process.execPath, [join(folder, 'agent/dist/cli', file), ...args], {
      encoding: 'utf8',
      cwd: folder,
    });
  t.match(command('orca.js', 'version'), /^orca \d/);
  t.match(command('main.js', 'agent', '--help'), /Usage: orca agent/);
  t.match(command('orca.js', 'agent', '--help'), /Usage: orca agent/);
  const names = readdirSync(join(folder, 'agent'), { recursive: true, encoding: 'utf8' });
  t.same(
    names.filter(
      (name) => /\.(pem|key|token|db|map|ts)$|test|master/.test(name) && !/node_modules/.test(name),
    ),
    [],
  );
});

t.test('no other file is reached, by no name', async (t) => {
  for (const name of ['0'.repeat(64), '..%2f..%2fcluster.token', '%2fetc%2fpasswd', 'agent'])
    t.equal((await get(`/node/files/${name}`)).status, 404, name);
});

t.test('so many read at once, and the others are told to come back', async (t) => {
  const [sha256] = (await manifest()).line('runtime');
  const readers = await Promise.all(Array.from({ length: 24 }, () => open(`/node/files/${sha256}`)));
  t.same([...new Set(readers.map(({ statusCode }) => statusCode))], [200]);
  const refused = await open(`/node/files/${sha256}`);
  t.equal(refused.statusCode, 429);
  t.equal(refused.headers['retry-after'], '3');
  refused.resume();
  for (const one of readers) one.destroy();
  await waitFor('room', async () => {
    const next = await open(`/node/files/${sha256}`);
    next.destroy();
    return next.statusCode === 200;
  });
});
