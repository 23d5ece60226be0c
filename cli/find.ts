/**
 * Finds service files: below the nearest `services/` folder upward from here, as git finds its repository, or where
 * `-f` points. Anywhere in a tree the answer is the same: inside of one project too it is all of them. The project is the folder's name under `services/`, else `default`. It never goes above the root of a
 * file system, and refuses a folder that holds none.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { OrcaError } from '../shared/errors.js';

export interface FoundFile {
  path: string;
  /** Relative to where the command runs when that is shorter: how errors name it. */
  shown: string;
  project: string;
}

const names = ['service.toml', 'service.yaml', 'service.yml'];

/** The files to deploy, sorted by path. Throws CONFIG_NOT_FOUND. */
export function findServiceFiles(cwd: string, path: string | undefined): FoundFile[] {
  const found = path === undefined ? upward(cwd) : at(resolve(cwd, path), path);
  const shown = found.map((file) => ({ path: file, shown: shownFrom(cwd, file), project: projectOf(file) }));
  return shown.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function upward(cwd: string): string[] {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const files = inServices(join(folder, 'services'));
    if (files.length > 0) return files;
    const isProject = basename(dirname(folder)) === 'services';
    const single = isProject ? [] : inFolder(folder);
    if (single.length > 0) return single;
    if (dirname(folder) === folder) break;
  }
  throw new OrcaError(
    'CONFIG_NOT_FOUND',
    `there is no services/<project>/service.toml in ${cwd} or above it`,
  );
}

function at(path: string, asked: string): string[] {
  if (!existsSync(path)) throw new OrcaError('CONFIG_NOT_FOUND', `${asked} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  const choices = [inServices(join(path, 'services')), inFolder(path), inServices(path)];
  const files = choices.find((some) => some.length > 0);
  if (!files) throw new OrcaError('CONFIG_NOT_FOUND', `${asked} holds no service.toml`);
  return files;
}

/** The service files of each project folder below a `services/` folder. */
function inServices(folder: string): string[] {
  if (!isFolder(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter(isFolder)
    .flatMap(inFolder);
}

function inFolder(folder: string): string[] {
  return names.map((name) => join(folder, name)).filter((file) => existsSync(file) && !isFolder(file));
}

function projectOf(file: string): string {
  const folder = dirname(file);
  return basename(dirname(folder)) === 'services' ? basename(folder) : 'default';
}

function shownFrom(cwd: string, file: string): string {
  const short = relative(cwd, file);
  return short.length < file.length ? short : file;
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
