/**
 * Makes `dist/node.tar.gz` after a build: all that a node needs beside Node.js to run `orca agent` and `orca join`, which
 * masters hand to hosts that join. The same files make the same archive, byte by byte, so that its SHA-256 names it.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What the agent, its companions and cli/main import; the CLI's other commands are one file with their packages in it. */
const PACKAGES = ['@balena/dockerignore', 'dns-packet', 'dockerode', 'picocolors', 'tar-stream', 'ws', 'zod'];
/** Never loaded: agent/dockerode.ts leaves them out. */
const LEFT_OUT = /^(@grpc\/|protobufjs$|ssh2$|@types\/)/;
const FOLDERS = ['dist/agent', 'dist/cli', 'dist/discovery', 'dist/proxy-config', 'dist/shared'];
const CODE = /(\.([cm]?js|json)|(^|\/)licen[cs]e[^/]*)$/i;

const archive = pack();
for (const path of [
  'LICENSE',
  'install.sh',
  ...FOLDERS.flatMap(codeBelow),
  ...packageFolders().flatMap(codeBelow),
])
  add(path, readFileSync(join(root, path)));
add('package.json', manifest());
archive.finalize();
const parts: Buffer[] = [];
for await (const part of archive) parts.push(part as Buffer);
const file = join(root, 'dist/node.tar.gz');
writeFileSync(`${file}.new`, gzipSync(Buffer.concat(parts), { level: 9 }));
renameSync(`${file}.new`, file);

function add(name: string, content: Buffer): void {
  archive.entry({ name, mode: name === 'install.sh' ? 0o755 : 0o644, mtime: new Date(0) }, content);
}

function manifest(): Buffer {
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Buffer.from(`${JSON.stringify({ name, version, license, type }, null, 2)}\n`);
}

/** Files below a folder, as paths from the root; packages inside packages are found by themselves. */
function codeBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(root.length)}/${entry.name}`)
    .filter((path) => CODE.test(path) && !path.slice(folder.length).includes('/node_modules/'))
    .sort();
}

/** The packages and those that they depend on, where npm has put them. */
function packageFolders(): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const folder = LEFT_OUT.test(name) ? null : folderOf(name, from);
    if (folder === null || found.has(folder)) return;
    found.add(folder);
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    for (const next of Object.keys(dependencies)) visit(next, folder);
  };
  for (const name of PACKAGES) visit(name, '');
  return [...found].sort();
}

function folderOf(name: string, from: string): string {
  for (let at = from; ; at = dirname(at) === '.' ? '' : dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(root, folder, 'package.json'))) return folder;
    if (at === '') throw new Error(`${name}, which ${from || 'Orca'} depends on, is not installed`);
  }
}
