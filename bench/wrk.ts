/** Bounded load by wrk over HTTPS on loopback: 32 connections that stay open, one thread, a few seconds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.js';

const CONNECTIONS = 32;

export interface LoadResult {
  requestsPerSecond: number;
  /** Answers that weren't 2xx or 3xx, and broken connections. */
  failed: number;
}

/**
 * Asks for `/` of each domain in turn at this port of localhost for `seconds`. The certificate isn't looked at, but a name that
 * the proxy has one for must be asked for (wrk sends the URL's host as SNI): `localhost` is served one by both sides.
 */
export async function wrk(port: number, domains: readonly string[], seconds: number): Promise<LoadResult> {
  const folder = mkdtempSync('/tmp/orca-bench-wrk-');
  try {
    const script = join(folder, 'hosts.lua');
    writeFileSync(script, luaOf(domains.map((domain) => `${domain}:${port}`)));
    const out = await runCommand('wrk', [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${seconds}s`,
      '-s',
      script,
      `https://localhost:${port}/`,
    ]);
    return parsed(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The requests are made once, before the load, so that the script costs next to nothing. */
function luaOf(hosts: string[]): string {
  return `local hosts = { ${hosts.map((host) => `"${host}"`).join(', ')} }
local requests = {}
local at = 0
init = function()
  for i, host in ipairs(hosts) do requests[i] = wrk.format("GET", "/", { ["Host"] = host }) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
`;
}

function parsed(out: string): LoadResult {
  const perSecond = /Requests\/sec:\s+([\d.]+)/.exec(out)?.[1];
  if (perSecond === undefined) throw new Error(`wrk said something else:\n${out}`);
  const socketErrors = /Socket errors: (.*)/.exec(out)?.[1]?.match(/\d+/g) ?? [];
  const notOk = /Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0;
  return {
    requestsPerSecond: Number(perSecond),
    failed: [...socketErrors, notOk].reduce<number>((sum, count) => sum + Number(count), 0),
  };
}
