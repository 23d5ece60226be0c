/** Which licences what Orca ships is under, from the lock file, as the page docs/licences.md. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Packages {
  [path: string]: { version?: string; license?: string; dev?: boolean; optional?: boolean };
}

/** The page; `folder` has package-lock.json. */
export function licencePage(folder: string): string {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Packages;
  };
  const rows = Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { version = '', license, optional }]) => ({
      name: path.replace(/^.*node_modules\//, ''),
      version,
      licence: license ?? olderWords(path),
      note: optional ? 'only where the platform needs it' : '',
    }));
  const lines = rows.map(
    ({ name, version, licence, note }) => `| ${name} | ${version} | ${licence} | ${note} |`,
  );
  const counts = new Map<string, number>();
  for (const { licence } of rows) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  const sum = [...counts]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([name, n]) => `${name} ${n}`);
  return `${HEAD}\n${sum.join(' · ')}\n\n| package | version | licence | |\n| --- | --- | --- | --- |\n${[...new Set(lines)].sort().join('\n')}\n`;
}

const HEAD = `# Licences of others

Orca is under the Apache Licence 2.0 (LICENSE). What it needs to run, with what that needs, is under the licences below; tools that only
build and test it are not in the list. \`npm run licences\` writes this page from package-lock.json, and a test keeps it so.
`;

/** Packages of before `license` was one text say it in their own file alone, which npm leaves out of the lock file. */
const older: Record<string, string> = { buildcheck: 'MIT', 'cpu-features': 'MIT', ssh2: 'MIT' };

function olderWords(path: string): string {
  const licence = older[path.replace(/^.*node_modules\//, '')];
  if (licence === undefined)
    throw new Error(`no licence is known of ${path}: look at its package.json, and add it here`);
  return licence;
}
