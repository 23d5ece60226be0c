/**
 * Makes `dist/node.tar.gz` after a build: all that a node needs beside Node.js to run `orca agent` and `orca join`, which
 * masters hand to hosts that join. The same files make the same archive, byte by byte, so that its SHA-256 names it. And removes what the builds of
 * before have left.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Loaded as a package, all others are in the parts that esbuild has made. */
const PACKAGE = 'dockerode';
/** Never loaded: agent/dockerode.ts leaves them out. */
const LEFT_OUT = /^(@grpc\/|protobufjs$|ssh2$|@types\/)/;
const ENTRIES = ['dist/cli/orca.js', 'dist/parts/resolver-main.js', 'dist/parts/discovery-main.js'];
const KEPT_MS = 3_600_000;
const LICENCE = /(^|\/)licen[cs]e[^/]*$/i;
const CODE = /\.([cm]?js|json)$/i;

/** What esbuild says of each file that it made, by its path from the root. */
interface Made {
  entryPoint?: string;
  inputs: Record<string, unknown>;
  imports: { path: string; external?: boolean }[];
}
const made: Record<string, Made> = JSON.parse(readFileSync(join(root, 'dist/parts.json'), 'utf8')).outputs;
const parts = partsFrom(ENTRIES);
const inputs = parts.flatMap((part) => Object.keys(made[part]?.inputs ?? {}));
const bundled = [...new Set(inputs.flatMap(packageOf))].sort();

const archive = pack();
const whole = packageFolders();
const licences = bundled.filter((folder) => !whole.includes(folder)).flatMap(filesBelow);
for (const path of [
  ...['LICENSE', 'install.sh', ...parts, ...whole.flatMap(filesBelow)],
  ...licences.filter((path) => LICENCE.test(path)),
])
  add(path, readFileSync(join(root, path)));
// What nodes of before are started from.
add('dist/cli/main.js', Buffer.from("import './orca.js';\n"));
add('package.json', manifest());
archive.finalize();
const chunks: Buffer[] = [];
for await (const chunk of archive) chunks.push(chunk as Buffer);
const file = join(root, 'dist/node.tar.gz');
writeFileSync(`${file}.new`, gzipSync(Buffer.concat(chunks), { level: 9 }));
renameSync(`${file}.new`, file);
removeOld();

/** A program that still runs may yet load a part of the build before, until it is started anew. */
function removeOld(): void {
  const parts = readdirSync(join(root, 'dist/parts')).map((name) => `dist/parts/${name}`);
  for (const path of parts)
    if (!made[path] && Date.now() - statSync(join(root, path)).mtimeMs > KEPT_MS) rmSync(join(root, path));
}

function add(name: string, content: Buffer): void {
  archive.entry({ name, mode: name === 'install.sh' ? 0o755 : 0o644, mtime: new Date(0) }, content);
}

function manifest(): Buffer {
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Buffer.from(`${JSON.stringify({ name, version, license, type }, null, 2)}\n`);
}

/** These parts and what they load, but for the master. */
function partsFrom(entries: string[]): string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    const part = made[path];
    if (part === undefined || found.has(path) || part.entryPoint?.startsWith('dist/master/')) return;
    found.add(path);
    for (const next of part.imports) if (!next.external) visit(next.path);
  };
  for (const entry of entries) visit(entry);
  return [...found].sort();
}

/** The folder of the package that a file is of; none for our own. */
function packageOf(path: string): string[] {
  const folder = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path);
  return folder ? [folder[0]] : [];
}

/** Code and licences below a package's folder, as paths from the root; packages inside packages are found by themselves. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(root.length)}/${entry.name}`)
    .filter((path) => CODE.test(path) || LICENCE.test(path))
    .filter((path) => !path.slice(folder.length).includes('/node_modules/'))
    .sort();
}

/** That package and those that it depends on, where npm has put them. */
function packageFolders(): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const folder = LEFT_OUT.test(name) ? null : folderOf(name, from);
    if (folder === null || found.has(folder)) return;
    found.add(folder);
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    for (const next of Object.keys(dependencies)) visit(next, folder);
  };
  visit(PACKAGE, '');
  return [...found].sort();
}

function folderOf(name: string, from: string): string {
  for (let at = from; ; at = dirname(at) === '.' ? '' : dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(root, folder, 'package.json'))) return folder;
    if (at === '') throw new Error(`${name}, which ${from || 'Orca'} depends on, is not installed`);
  }
}
