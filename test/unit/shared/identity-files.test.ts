import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openAuthority } from '../../../master/authority.js';
import { identityPaths, readIdentity, writeIdentity } from '../../../shared/identity-files.js';

t.test('what is written is read, the key closed to others; a write cut short leaves a pair', async (t) => {
  const authority = openAuthority(t.testdir(), Date.now());
  const made = () => {
    const { certPem, keyPem } = authority.issueNode('n-1', Date.now());
    return { ca: authority.caPem, cert: certPem, key: keyPem };
  };
  const folder = join(t.testdirName, 'home', 'agent');
  const paths = identityPaths(folder);
  const [one, two] = [made(), made()];
  await t.rejects(readIdentity(paths), { code: 'ENOENT' });
  writeIdentity(folder, one);
  t.same(await readIdentity(paths), one);
  t.equal(statSync(paths.key).mode & 0o777, 0o600);
  t.equal(statSync(folder).mode & 0o777, 0o700);

  writeFileSync(`${paths.cert}.new`, two.cert);
  t.same(await readIdentity(paths), one, 'before the key was replaced');
  writeFileSync(`${paths.key}.tmp`, two.key);
  renameSync(`${paths.key}.tmp`, paths.key);
  t.same(await readIdentity(paths), two, 'and after it');
  writeIdentity(folder, one);
  t.same(await readIdentity(paths), one);
});
