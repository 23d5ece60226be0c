import { readFileSync } from 'node:fs';
import t from 'tap';
import { errorTable, OrcaError } from '../../../shared/errors.js';

t.test('docs/errors.md says what the table of errors says, both ways', async (t) => {
  const text = readFileSync('docs/errors.md', 'utf8');
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| (.+) \|$/gm)];
  const documented = Object.fromEntries(
    rows.map(([, code, status, exit, hint]) => [
      code,
      { status: Number(status), exit: Number(exit), hint: hint?.replaceAll('\\|', '|') },
    ]),
  );
  t.same(documented, errorTable);
  t.equal(rows.length, Object.keys(errorTable).length, 'no code stands there twice');
});

t.test('every hint is a sentence and every exit code one of the documented', async (t) => {
  for (const [code, { hint, exit, status }] of Object.entries(errorTable)) {
    t.match(hint, /\.$/, code);
    t.ok([1, 2, 3, 4].includes(exit), code);
    t.ok(status >= 400 && status < 600, code);
  }
});

t.test('an error has its code, status and hint, or a hint of its own', async (t) => {
  const error = new OrcaError('NOT_FOUND', 'there is no x');
  t.match(error, { status: 404, exit: 1, hint: errorTable.NOT_FOUND.hint, message: 'there is no x' });
  t.equal(new OrcaError('NOT_FOUND', 'x', { hint: 'Look elsewhere.' }).hint, 'Look elsewhere.');
});
