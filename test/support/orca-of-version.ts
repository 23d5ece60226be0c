/**
 * An Orca of another version on the same machine: a copy of the build with another number in package.json, and in the agent that
 * its master hands out, which can also be changed.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface OtherOrca {
  /** What `makeOrca` takes. */
  serverProgram: string[];
  /** The agent that it hands out from now on; `change` is given the folder that it is packed from. */
  handOut(change?: (folder: string) => void): void;
  /** Something in its place that is no archive. */
  handOutRubbish(): void;
  remove(): void;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

export function orcaOfVersion(version: string): OtherOrca {
  const copy = mkdtempSync('/tmp/orca-version-');
  const archive = join(copy, 'dist/node.tar.gz');
  mkdirSync(join(copy, 'dist'));
  for (const folder of ['agent', 'cli', 'discovery', 'master', 'parts', 'proxy-config', 'shared'])
    cpSync(join(root, 'dist', folder), join(copy, 'dist', folder), { recursive: true });
  cpSync(join(root, 'install.sh'), join(copy, 'install.sh'));
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  setVersion(copy, version);
  const put = (make: (path: string) => void): void => {
    make(`${archive}.new`);
    renameSync(`${archive}.new`, archive);
  };
  const other: OtherOrca = {
    serverProgram: [process.execPath, join(copy, 'dist/cli/orca.js'), 'server'],
    handOut(change = () => undefined) {
      const folder = mkdtempSync(join(copy, 'agent-'));
      execFileSync('tar', ['-xzf', join(root, 'dist/node.tar.gz'), '-C', folder]);
      setVersion(folder, version);
      change(folder);
      put((path) => execFileSync('tar', ['-czf', path, '-C', folder, '.']));
      rmSync(folder, { recursive: true });
    },
    handOutRubbish: () => put((path) => writeFileSync(path, 'no archive')),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
  other.handOut();
  return other;
}

function setVersion(folder: string, version: string): void {
  const file = join(folder, 'package.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version }));
}
