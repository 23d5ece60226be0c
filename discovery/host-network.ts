/**
 * The host's side of virtual addresses: the whole range is local to it (AnyIP), and one chain of packet rules brings what the
 * containers of our projects send there to the companion (and one past the host's firewall). As root, with `ip` and `iptables`; programs are run without a shell.
 * Every step may be repeated, and what others have made is left alone.
 */
import { execFile } from 'node:child_process';
import { messageOf } from '../shared/errors.js';
import { readRange } from '../shared/ipv4.js';
import { routeInTheWay } from './routes.js';
import { jumpsTo } from './rules.js';

export interface HostNetwork {
  /** Makes the range local. Rejects with the reason when another route leads there, or it can't be done. */
  claim(range: string): Promise<void>;
  /** Puts `rules` (whole chains) in the place of what they were, and leads packets for the range to them. */
  enforce(range: string, rules: string): Promise<void>;
  /** Takes the chains away, and the range too unless another Orca of this host uses it. */
  release(range: string): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** For the lock that all who change packet rules take. */
const WAIT = ['-w', '5'];

export function hostNetwork(chain: string): HostNetwork {
  const tables = (table: string, ...args: string[]): Promise<string> =>
    run('iptables', [...WAIT, '-t', table, ...args]);
  return {
    async claim(range) {
      if (process.getuid?.() !== 0) throw new Error('its agent does not run as root');
      const wanted = readRange(range);
      if (wanted === null) throw new Error(`${range} is no range of addresses`);
      const taken = routeInTheWay(await run('ip', ['-4', 'route', 'show', 'table', 'all']), wanted);
      if (taken !== null)
        throw new Error(
          `another route leads to addresses of ${range} (${taken}); set [cluster] service_range`,
        );
      await run('ip', ['route', 'replace', 'local', range, 'dev', 'lo']);
    },
    async enforce(range, rules) {
      await run('iptables-restore', [...WAIT, '--noflush'], rules);
      // First of all: Docker's own rules take what is sent to a port that is published on every address.
      for (const { table, from, rule } of jumpsTo(chain, range))
        await tables(table, '-C', from, ...rule).catch(() => tables(table, '-I', from, '1', ...rule));
    },
    async release(range) {
      for (const { table, from, rule } of jumpsTo(chain, range)) {
        await tables(table, '-D', from, ...rule).catch(() => undefined);
        await tables(table, '-F', chain).catch(() => undefined);
        await tables(table, '-X', chain).catch(() => undefined);
      }
      const left = await tables('nat', '-S', 'PREROUTING').catch(() => '');
      if (!left.includes(`-d ${range} -j ORCA-`))
        await run('ip', ['route', 'del', 'local', range, 'dev', 'lo']).catch(() => undefined);
    },
  };
}

/** What it printed; rejects with its own words. */
function run(program: string, args: string[], input = ''): Promise<string> {
  const env = { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024, env },
      (error, out, err) => {
        if (error === null) return resolve(out);
        const isMissing = (error as { code?: unknown }).code === 'ENOENT';
        const said = err.trim().split('\n').at(-1) || messageOf(error);
        reject(
          new Error(
            isMissing ? `${program} is not on this host: install it` : `${program} ${args[0]}: ${said}`,
          ),
        );
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
