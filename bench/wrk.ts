/** wrk (apt-get install wrk), over HTTPS to one port, with the Host header going round all domains. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Requests per second; throws when a single answer wasn't a 2xx, since that would be fast for the wrong reason. */
export function requestsPerSecond(folder: string, port: number, domains: string[], seconds: number): number {
  const script = join(folder, 'wrk.lua');
  const hosts = domains.map((domain) => `"${domain}:${port}"`).join(',');
  writeFileSync(
    script,
    `local hosts = {${hosts}}\nlocal at = 0\nrequest = function()\n  at = at % #hosts + 1\n  return wrk.format("GET", "/", { Host = hosts[at] })\nend\n`,
  );
  const args = ['-t1', '-c32', `-d${seconds}s`, '-s', script, `https://127.0.0.1:${port}/`];
  const { stdout, stderr, error } = spawnSync('wrk', args, { encoding: 'utf8' });
  if (error) throw new Error('wrk is missing: apt-get install wrk');
  const rate = Number(stdout.match(/Requests\/sec:\s+([\d.]+)/)?.[1]);
  if (!rate || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`wrk on port ${port}: ${stdout}${stderr}`);
  return rate;
}
