import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { type kinds, verdictOf } from '../../../../master/http/access.js';
import { roleTable } from '../../../../master/http/role-table.js';
import { anApi } from '../../../support/an-api.js';

const file = 'docs/tokens.md';
const [begin, end] = [
  '<!-- roles: made by test/unit/master/http/role-table.test.ts -->',
  '<!-- end of roles -->',
];

t.test('docs/tokens.md has the table that is enforced; ORCA_UPDATE_DOCS=1 writes it', async (t) => {
  const { routes } = await anApi(t);
  const text = readFileSync(file, 'utf8');
  const [before = '', rest = ''] = text.split(`${begin}\n`);
  const [, after = ''] = rest.split(`\n${end}`);
  const wanted = `${before}${begin}\n${roleTable(routes)}\n${end}${after}`;
  if (process.env.ORCA_UPDATE_DOCS === '1') writeFileSync(file, wanted);
  t.equal(readFileSync(file, 'utf8'), wanted);
});

t.test('whoever may less does nothing that whoever may more does not', async (t) => {
  const { routes } = await anApi(t);
  const rank = { no: 0, own: 1, yes: 2 };
  const less: [lesser: (typeof kinds)[number], greater: (typeof kinds)[number]][] = [
    ['deployer', 'admin'],
    ['viewer', 'deployer'],
    ['deployer of projects', 'deployer'],
    ['viewer of projects', 'viewer'],
    ['viewer of projects', 'deployer of projects'],
  ];
  for (const { touches, method, path } of routes) {
    if (touches.what === 'open') continue;
    t.equal(verdictOf(touches, 'admin'), 'yes', `${method} ${path}`);
    for (const [lesser, greater] of less)
      t.ok(
        rank[verdictOf(touches, lesser)] <= rank[verdictOf(touches, greater)],
        `${lesser}: ${method} ${path}`,
      );
    if ('does' in touches && touches.does !== 'read')
      t.equal(verdictOf(touches, 'viewer'), 'no', `a viewer: ${method} ${path}`);
    if (touches.what === 'cluster')
      t.equal(verdictOf(touches, 'deployer of projects'), 'no', `of projects: ${method} ${path}`);
  }
});

t.test('a route that is no GET says what it changes', async (t) => {
  const { routes } = await anApi(t);
  const silent = routes.filter(
    ({ method, path, touches }) =>
      method !== 'GET' &&
      touches.what !== 'open' &&
      (!('does' in touches) || touches.does === 'read') &&
      path !== '/plan',
  );
  t.same(
    silent.map(({ method, path }) => `${method} ${path}`),
    [],
  );
});
