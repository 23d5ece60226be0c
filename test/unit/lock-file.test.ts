/** `npm ci` refuses a lock file that leaves out another platform's binaries, which some registries make npm do. */
import { readFileSync } from 'node:fs';
import t from 'tap';

interface Locked {
  packages: Record<string, { optionalDependencies?: Record<string, string> }>;
}

t.test('the lock file names the optional packages of every platform', async (t) => {
  const { packages }: Locked = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const wanted = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => ({ path, name })),
  );
  t.ok(wanted.length > 0);
  for (const { path, name } of wanted) {
    const nested = `${path}/node_modules/${name}`;
    t.ok(packages[nested] ?? packages[`node_modules/${name}`], `${name}, wanted by ${path}`);
  }
});
