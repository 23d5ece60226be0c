import { readFileSync } from 'node:fs';
import t from 'tap';
import { licencePage } from '../support/licences.js';

const page = licencePage('.');

t.test('docs/licences.md is what the lock file says', async (t) => {
  t.equal(readFileSync('docs/licences.md', 'utf8'), page, 'npm run licences writes it anew');
});

t.test('nothing that is shipped is under a licence that Orca can not be shipped with', async (t) => {
  // Of a choice one is enough.
  const fine =
    /\b(MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|Python-2\.0)\b/;
  const rows = page.split('\n').filter((line) => /^\| [@a-z]/.test(line) && !line.startsWith('| package'));
  t.ok(rows.length > 100);
  t.same(
    rows.filter((row) => !fine.test(row.split('|')[3] ?? '')),
    [],
  );
});
