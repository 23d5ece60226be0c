/** Files of repositories as a node reads them, against real git servers: what is read, what is refused, and that nothing is left. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createSourceReader } from '../../agent/build/read.js';
import { openSecretFiles } from '../../agent/secret-files.js';
import { makeKey } from '../../master/control/deploy-keys.js';
import type { AgentMessage } from '../../shared/protocol.js';
import { MAX_FILE_BYTES, type ReadSource, type SourceRead } from '../../shared/sources.js';
import { startGitServers } from '../support/git-servers.js';

const servers = await startGitServers();
process.env.GIT_SSL_CAINFO = servers.caFile;
t.teardown(() => servers.stop());
const key = makeKey('test');
servers.letIn(key.publicKey);
const folder = mkdtempSync('/tmp/orca-reader-');
const kept: string[] = [];
const secretFiles = openSecretFiles(folder);
t.teardown(() => {
  secretFiles.keep(new Set());
  rmSync(folder, { recursive: true });
});
const reader = createSourceReader({
  folder,
  secretFiles: {
    async write(name, files) {
      const written = await secretFiles.write(name, files);
      kept.push(...written.map(({ source }) => source));
      return written;
    },
  },
});

const given = (value: string) => ({ value, reason: null });
const aRequest = (repo: string, more: Partial<ReadSource> = {}): ReadSource => ({
  ...{ type: 'read-source', id: 'read-1', webhook: 'wh-1', repo, ref: 'refs/heads/main', commit: null },
  ...{ paths: ['services/*/service.toml'], insecureHttp: repo.startsWith('http:') },
  ...{ deployKey: null, token: null },
  ...more,
});
const read = (request: ReadSource): Promise<SourceRead> =>
  new Promise((resolve) =>
    reader.read(request, async (message: AgentMessage) => resolve(message as SourceRead)),
  );

t.test('the files of exactly the commit are read, over ssh and https, and nothing is left', async (t) => {
  const repository = servers.repository('infra');
  const old = repository.commit({
    ...{
      'services/web/service.toml': 'old',
      'services/web/deep/service.toml': 'no',
      'services/x.toml': 'no',
    },
    'other/web/service.toml': 'no',
    'services/Ärger and more/service.toml': 'umlaut\n',
  });
  repository.commit({ 'services/web/service.toml': 'new', 'services/api/service.toml': 'new' });
  const first = await read(aRequest(repository.ssh, { commit: old, deployKey: given(key.privateKey) }));
  t.match(first, { id: 'read-1', problem: null, commit: old });
  t.same(
    first.files.map(({ path, text }) => [path, text]),
    [
      ['services/web/service.toml', 'old'],
      ['services/Ärger and more/service.toml', 'umlaut\n'],
    ],
  );
  const head = await read(aRequest(repository.https, { token: given(servers.token) }));
  t.same(
    head.files.map(({ text }) => text),
    ['new', 'new', 'umlaut\n'],
  );
  t.same(readdirSync(folder), ['known_hosts']);
  t.ok(kept.length > 0 && kept.every((path) => !existsSync(path)), 'the key is gone at once');
});

t.test('links, and what is too large or too many, are refused; nothing outside is read', async (t) => {
  const linked = servers.repository('linked');
  linked.commit({ 'services/web/service.toml': { link: '/etc/passwd' } });
  t.match(await read(aRequest(linked.http)), { problem: /service\.toml is a link/, files: [] });
  const through = servers.repository('through');
  through.commit({ 'services/web': { link: '/etc' }, 'services/api/service.toml': 'api' });
  const paths = ['services/*/service.toml', 'services/*/passwd', '../*/passwd'];
  const seen = await read(aRequest(through.http, { paths }));
  t.same(
    seen.files.map(({ path }) => path),
    ['services/api/service.toml'],
  );
  const large = servers.repository('large');
  large.commit({ 'services/web/service.toml': '#'.repeat(MAX_FILE_BYTES + 1) });
  t.match(await read(aRequest(large.http)), { problem: /larger than 1024 KiB/ });
  const many = servers.repository('many');
  many.commit(
    Object.fromEntries(Array.from({ length: 501 }, (_, at) => [`services/s${at}/service.toml`, `${at}`])),
  );
  t.match(await read(aRequest(many.http)), { problem: /has 501 files, more than 500/ });
});

t.test('what can not be read says why, and never a secret', async (t) => {
  const repository = servers.repository('wrong');
  const first = repository.commit({ 'services/web/service.toml': 'a' });
  const forced = repository.commit({ 'services/web/service.toml': 'b' });
  repository.forcePush(first);
  const wrong = makeKey('other').privateKey;
  const cases: [what: string, request: ReadSource, problem: RegExp][] = [
    ['no repository', aRequest(repository.http.replace('wrong', 'none')), /there is no such repository/],
    ['no branch', aRequest(repository.http, { ref: 'refs/heads/gone' }), /has no branch gone/],
    [
      'forced away',
      aRequest(repository.ssh, { commit: forced, deployKey: given(key.privateKey) }),
      /is not in branch main .* any more; was it force-pushed/,
    ],
    ['a wrong key', aRequest(repository.ssh, { deployKey: given(wrong) }), /the key was refused/],
    ['no token', aRequest(repository.https), /it wants a token.*see --token-secret/],
    [
      'a secret that is not set',
      aRequest(repository.https, { token: { value: null, reason: '"forge" is not set' } }),
      /the secret for token is not here: "forge" is not set/,
    ],
  ];
  for (const [what, request, problem] of cases) {
    const answer = await read(request);
    t.match(answer, { problem, commit: null, files: [] }, what);
    t.notMatch(JSON.stringify(answer), servers.token);
  }
  t.notMatch(
    JSON.stringify(await read(aRequest(repository.https, { token: given('bad-token-1234') }))),
    /bad-token/,
  );
  t.same(readdirSync(join(folder)), ['known_hosts']);
});

t.test('a newer request of the same webhook ends the older one, which answers nothing', async (t) => {
  const repository = servers.repository('newer');
  repository.commit({ 'services/web/service.toml': 'a' });
  const answered: string[] = [];
  const reply = async (message: AgentMessage): Promise<void> => {
    answered.push((message as SourceRead).id);
  };
  reader.read(aRequest(repository.http, { id: 'older' }), reply);
  reader.read(aRequest(repository.http, { id: 'other', webhook: 'wh-2' }), reply);
  reader.read(aRequest(repository.http, { id: 'newer' }), reply);
  t.match(await read(aRequest(repository.http, { id: 'last', webhook: 'wh-3' })), { id: 'last' });
  t.same(answered, ['other', 'newer']);
});
