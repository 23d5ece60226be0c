/** Requests per second through Orca's Caddy, against the same Caddy with a hand-written Caddyfile to the same containers. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../test/support/free-port.js';
import type { Orca } from '../test/support/orca.js';
import { serviceToml } from '../test/support/service-toml.js';
import { type Comparison, comparisonTable, type Section } from './table.js';
import { requestsPerSecond } from './wrk.js';

export async function benchThroughput(
  orca: Orca,
  image: string,
  sizes: number[],
  rounds: number,
): Promise<Section> {
  const rows: Comparison[] = [];
  for (const size of sizes) rows.push(await compare(orca, image, size, rounds));
  return {
    title: 'Throughput',
    how: '`wrk -t1 -c32`, 5 s a round, HTTPS, requests spread over all services; rounds alternate between both Caddys. The hand-written one has a static upstream per site and the same containers behind it. wrk, Caddy and the containers share the machine.',
    table: comparisonTable(rows),
  };
}

async function compare(orca: Orca, image: string, size: number, rounds: number): Promise<Comparison> {
  const names = Array.from({ length: size }, (_, index) => `t${index}`);
  const services = names.map((name) => ({ name, image, domain: `${name}.localhost`, readiness: [] }));
  orca.write('throughput/service.toml', serviceToml(...services));
  const { code, stderr } = await orca.run(['deploy', '-f', 'throughput/service.toml', '--timeout', '10m']);
  if (code !== 0) throw new Error(stderr);
  const [port = 0] = await freePorts(1);
  const stop = await startPlainCaddy(orca, names, port);
  const ours: number[] = [];
  const theirs: number[] = [];
  const domains = names.map((name) => `${name}.localhost`);
  try {
    for (const at of [orca.httpsPort, port]) requestsPerSecond(orca.folder, at, domains, 2);
    for (let round = 0; round < rounds; round += 1) {
      ours.push(requestsPerSecond(orca.folder, orca.httpsPort, domains, 5));
      theirs.push(requestsPerSecond(orca.folder, port, domains, 5));
    }
  } finally {
    await stop();
  }
  return { what: `${size} services`, ours, theirs, unit: 'req/s', against: 'Caddyfile', aim: '≥ 0.97' };
}

/** The same binary as Orca's, one site per service, a certificate of the same kind. */
async function startPlainCaddy(orca: Orca, names: string[], port: number): Promise<() => Promise<void>> {
  const folder = join(orca.folder, `caddy-${port}`);
  mkdirSync(folder, { recursive: true });
  const [cert, key] = [join(folder, 'site.crt'), join(folder, 'site.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:*.localhost,DNS:localhost'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-days', '1', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const status = await orca.status();
  const sites = names.map((name) => {
    const endpoint = status.services.find((service) => service.name === name)?.allocations[0]?.endpoint;
    if (!endpoint) throw new Error(`${name} has no endpoint`);
    return `https://${name}.localhost:${port} {\n\ttls ${cert} ${key}\n\treverse_proxy ${endpoint.address}:${endpoint.port}\n}`;
  });
  const fallback = `https://:${port} {\n\ttls ${cert} ${key}\n\trespond 404\n}`;
  const file = join(folder, 'Caddyfile');
  const global = `{\n\tadmin off\n\tauto_https disable_redirects\n\thttp_port ${(await freePorts(1))[0]}\n\tdefault_sni localhost\n}`;
  writeFileSync(file, [global, ...sites, fallback].join('\n\n'));
  const binary = process.env.ORCA_TEST_CADDY ?? 'caddy';
  const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(binary, ['run', '--adapter', 'caddyfile', '--config', file], { env, stdio: 'ignore' });
  return async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
}
