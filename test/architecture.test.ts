/**
 * Holds the layout of ARCHITECTURE.md: who may import whom, where each outside system is touched, what must be pure, and
 * how big a file may get. A failure names the file and the rule; change the code, or the rule together with that document.
 */
import t from 'tap';
import { codeOf, type Import, type SourceFile, sourceFiles } from './support/source-tree.js';

const product = sourceFiles(['shared', 'proxy-config', 'discovery', 'agent', 'master', 'cli']);
const others = sourceFiles(['test', 'bench']);

/** The first row that a file's path starts with says what it may import; `type` means its types only. */
const mayImport: [path: string, ...imports: string[]][] = [
  ['shared/', 'shared/'],
  ['proxy-config/', 'shared/', 'proxy-config/'],
  ['discovery/', 'shared/', 'discovery/', 'proxy-config/'],
  ['agent/main.ts', 'shared/', 'agent/', 'proxy-config/', 'discovery/'],
  ['agent/', 'shared/', 'agent/'],
  ['master/plan/', 'shared/', 'master/plan/', 'type proxy-config/route.ts', 'type discovery/table.ts'],
  ['master/store/', 'shared/', 'master/store/', 'type master/plan/snapshot.ts'],
  [
    'master/control/',
    'shared/',
    'master/control/',
    'master/plan/',
    'master/store/',
    'type master/acme/order.ts',
    'type discovery/table.ts',
  ],
  ['master/dispatch/', 'shared/', 'master/dispatch/', 'master/store/', 'master/plan/assignments.ts'],
  ['master/http/', 'shared/', 'master/http/', 'master/store/'],
  ['master/backup/', 'shared/', 'master/backup/', 'master/store/'],
  ['master/acme/', 'shared/', 'master/acme/'],
  ['master/', 'shared/', 'master/', 'type proxy-config/route.ts'],
  [
    'cli/programs.ts',
    'shared/',
    'cli/',
    'dynamic master/program.ts',
    'dynamic master/backup/restore.ts',
    'dynamic agent/main.ts',
  ],
  ['cli/', 'shared/', 'cli/'],
];

/** Packages that reach outside, and the one place each (two for DNS: Caddy's, and the containers'). */
const onlyIn: Record<string, string | string[]> = {
  dockerode: 'agent/docker',
  'acme-client': 'master/acme/',
  axios: 'master/acme/',
  lmdb: 'master/store/',
  fastify: 'master/http/',
  '@fastify/swagger': 'master/http/',
  'dns-packet': ['proxy-config/', 'discovery/'],
  'toml-eslint-parser': 'shared/config/',
  'smol-toml': 'shared/config/',
  yaml: 'shared/config/',
  minimatch: 'master/plan/globs.ts',
  commander: 'cli/',
  got: 'cli/',
};

const pure =
  /^(master\/plan\/|agent\/(plan|inspect)\.ts|proxy-config\/(api-site|compile|page-handlers|strict-transport|tls|trusted-proxies|upstreams)\.ts|discovery\/(choose|names|reply|routes|rules|served)\.ts)/;
/** Programs: the files that act when they are run. */
const programs =
  /^(cli\/(main|pack-node)|proxy-config\/resolver-(main|program)|discovery\/discovery-main)\.ts$/;

t.test('files import only what their folder may import', async (t) => {
  t.same(
    product.flatMap((file) =>
      file.imports.filter((to) => isOurs(to) && !allowed(file, to)).map((to) => line(file, to)),
    ),
    [],
  );
});

t.test('each outside system is touched in one place', async (t) => {
  const strays = product.flatMap((file) =>
    file.imports
      .filter(({ to }) => onlyIn[to] && ![onlyIn[to]].flat().some((place) => file.path.startsWith(place)))
      .map((to) => line(file, to)),
  );
  t.same(strays, []);
  const adminSocket = product.filter(({ text }) => /caddy\.sock'/.test(text)).map(({ path }) => path);
  t.ok(adminSocket.length <= 1, `Caddy's admin socket is named in ${adminSocket.join(', ')}`);
  t.same(
    product.filter(({ text }) => /localhost:2019/.test(codeOf(text))).map(({ path }) => path),
    [],
  );
});

t.test('there are no import cycles', async (t) => {
  t.same(cycles(product), []);
});

t.test('decisions are pure: no clock, no chance, no waiting, no input or output', async (t) => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|randomUUID|await|async|setTimeout|setInterval|process\.)/;
  const decisions = product.filter(({ path }) => pure.test(path));
  t.ok(decisions.length > 0);
  for (const { path, text, imports } of decisions) {
    t.notMatch(codeOf(text), forbidden, path);
    t.same(
      imports.filter(({ to }) => to.startsWith('node:')),
      [],
      path,
    );
  }
});

t.test('files export names only, forward nothing, and are no drawers for odds and ends', async (t) => {
  for (const { path, text } of [...product, ...others]) {
    const code = codeOf(text);
    t.notMatch(code, /^export default/m, path);
    t.notMatch(code, /^export (type )?(\*|\{[^}]*\}) from/m, path);
    t.notMatch(path, /(^|\/)(utils?|helpers?|common|misc|index)\.ts$/);
    t.match(path, /(^|\/)[a-z0-9]+(-[a-z0-9]+)*(\.test|\.contract)?\.ts$/, 'kebab-case');
  }
});

t.test('a file opens with what it is for', async (t) => {
  for (const { path, text } of product) t.match(text, /^(#!.*\n)?\/\*\*? ?\n?/, path);
});

t.test('nothing acts or keeps state on import', async (t) => {
  for (const { path, text } of product.filter((file) => !programs.test(file.path))) {
    const code = codeOf(text);
    t.notMatch(code, /^(export )?(let|var) /m, `${path}: module-level state`);
    t.notMatch(
      code,
      /^const \w+(: [^=]+)? = new (Map|Set|WeakMap|Array)\(\)/m,
      `${path}: module-level state`,
    );
    t.notMatch(code, /^(await |void )?[a-z]\w*(\.\w+)*\(/m, `${path}: acts on import`);
  }
});

t.test('files stay small', async (t) => {
  const tooLong = [...product, ...others].filter(({ lines }) => lines > 300);
  t.same(
    tooLong.map(({ path, lines }) => `${path}: ${lines} lines`),
    [],
  );
  const sizes = product.map(({ lines }) => lines).sort((a, b) => a - b);
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0;
  t.ok(median <= 80, `the median file has ${median} lines, 80 at most`);
});

function isOurs({ to }: Import): boolean {
  return to.endsWith('.ts');
}

function allowed({ path }: SourceFile, { to, typeOnly, dynamic }: Import): boolean {
  const [, ...targets] = mayImport.find(([prefix]) => path.startsWith(prefix)) ?? [''];
  return targets.some((target) => {
    const [condition = '', prefix] = target.includes(' ') ? target.split(' ') : ['', target];
    if (!to.startsWith(prefix ?? '')) return false;
    return condition === '' || (condition === 'type' ? typeOnly : dynamic);
  });
}

function line({ path }: SourceFile, { to, typeOnly }: Import): string {
  return `${path} imports ${typeOnly ? 'types of ' : ''}${to}`;
}

/** Each cycle once, as `a → b → a`; what is loaded later, on demand, makes none. */
function cycles(files: SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [file.path, file.imports.filter((to) => isOurs(to) && !to.dynamic)]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push([...trail.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const { to } of edges.get(path) ?? []) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return found;
}
