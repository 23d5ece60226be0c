/** The Caddy that suites have records made by: `ORCA_TEST_DNS_CADDY`, or the stand-in, which the suite then says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export interface DnsCaddy {
  /** Its module is `orcatest`. */
  path: string;
  isReal: boolean;
}

export function dnsCaddy(t: Test): DnsCaddy {
  const { ORCA_TEST_DNS_CADDY: real } = process.env;
  if (real) return { path: real, isReal: true };
  t.comment(
    'with a stand-in for a Caddy that has a DNS module: the real one is not run; build test/support/dns-caddy and name it by ORCA_TEST_DNS_CADDY (CONTRIBUTING.md)',
  );
  return { path: standInCaddy(t), isReal: false };
}

/** The stand-in as a program; `env` are words such as `STAND_IN_ENDS=1`. */
export function standInCaddy(t: Test, env: string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'orca-stand-in-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return aProgram(
    folder,
    'caddy',
    `exec env ${env.join(' ')} '${process.execPath}' '${fileURLToPath(new URL('./stand-in-caddy.js', import.meta.url))}' "$@"`,
  );
}

/** A program of these lines of shell. */
export function aProgram(folder: string, name: string, lines: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  return path;
}
