/**
 * What Orca's Caddy is measured against: the same binary with the Caddyfile that a person would write for these containers,
 * one site each, in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../test/support/free-port.js';
import { request } from '../test/support/https-request.js';
import { waitFor } from '../test/support/wait-for.js';

export interface Site {
  domain: string;
  upstream: { address: string; port: number };
}

export interface PlainCaddy {
  pid: number;
  httpsPort: number;
  stop(): Promise<void>;
}

/** Starts it and waits until every site answers 200. */
export async function startPlainCaddy(binary: string, sites: readonly Site[]): Promise<PlainCaddy> {
  const folder = mkdtempSync('/tmp/orca-bench-caddy-');
  const [httpPort = 0, httpsPort = 0] = await freePorts(2);
  const file = join(folder, 'Caddyfile');
  writeFileSync(file, caddyfile(sites, httpPort, httpsPort));
  const log = openSync(join(folder, 'caddy.log'), 'a');
  const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(binary, ['run', '--config', file, '--adapter', 'caddyfile'], {
    env,
    stdio: ['ignore', log, log],
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const { domain } of sites)
      await waitFor(`${domain} of the plain Caddy`, () => answers(domain, httpsPort));
  } catch (error) {
    const said = readFileSync(join(folder, 'caddy.log'), 'utf8').slice(-2_000);
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${said}`);
  }
  return { pid: child.pid ?? 0, httpsPort, stop };
}

function caddyfile(sites: readonly Site[], httpPort: number, httpsPort: number): string {
  const blocks = sites.map(
    ({ domain, upstream }) => `${domain} {\n\treverse_proxy ${upstream.address}:${upstream.port}\n}\n`,
  );
  return `{
	admin off
	local_certs
	skip_install_trust
	http_port ${httpPort}
	https_port ${httpsPort}
}

localhost {
	respond 404
}

${blocks.join('\n')}`;
}

async function answers(domain: string, port: number): Promise<boolean> {
  const { status } = await request({
    host: '127.0.0.1',
    port,
    path: '/',
    servername: domain,
    headers: { host: `${domain}:${port}` },
    agent: false,
    rejectUnauthorized: false,
  });
  return status === 200;
}
