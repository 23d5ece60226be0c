/** `orca server` as a process of its own, without an agent, so that a test can see what it costs. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, request } from './https-request.js';
import { waitFor } from './wait-for.js';

export interface BareServer {
  home: string;
  port: number;
  readonly pid: number;
  /** What it has used of the processor. */
  cpuMs(): number;
  /** What it holds in memory, MiB. */
  rssMiB(): number;
  call(method: string, path: string, body?: string, headers?: Record<string, string>): Promise<Answer>;
  said(): string;
  stop(): Promise<void>;
}

export async function bareServer(): Promise<BareServer> {
  const home = mkdtempSync(join(tmpdir(), 'orca-bare-'));
  const child = spawn(
    process.execPath,
    ['dist/cli/orca.js', 'server', '--home', home, '--listen', '127.0.0.1:0', '--no-agent'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const url = join(home, 'cluster.url');
  await waitFor('the master to listen', () => existsSync(url) || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`the master ended: ${said}`);
  const port = Number(new URL(readFileSync(url, 'utf8').trim()).port);
  const ca = readFileSync(join(home, 'ca.pem'));
  const token = readFileSync(join(home, 'cluster.token'), 'utf8').trim();
  return {
    home,
    port,
    pid: child.pid ?? 0,
    cpuMs: () => {
      const [, , user, system] = /\) (\S+ ){11}(\d+) (\d+)/.exec(
        readFileSync(`/proc/${child.pid}/stat`, 'utf8'),
      ) ?? ['', '', '0', '0'];
      return (Number(user) + Number(system)) * 10;
    },
    rssMiB: () => {
      const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      return Number(kib) / 1_024;
    },
    call: (method, path, body, headers = {}) =>
      request(
        {
          ...{ host: '127.0.0.1', port, path, method, ca, agent: false },
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        },
        body,
      ),
    said: () => said,
    stop: async () => {
      child.kill('SIGTERM');
      await waitFor('the master to end', () => child.exitCode !== null || child.signalCode !== null);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
