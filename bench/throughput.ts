/**
 * Requests per second through Orca's Caddy, beside the same binary with a Caddyfile written by hand, to the same containers on
 * the same published ports, with 1, 30 and 90 services. wrk, the proxies and the apps share the machine; rounds of the two sides
 * take turns, and the ratio is the median of the rounds' ratios.
 */
import { readlinkSync } from 'node:fs';
import { type Orca, startOrca } from '../test/support/orca.js';
import { type BenchImage, benchImages } from './images.js';
import { type PlainCaddy, type Site, startPlainCaddy } from './plain-caddy.js';
import type { Progress } from './progress.js';
import { type Report, ratioCell, spreadCell } from './report.js';
import { domainOf, serviceToml } from './service-files.js';
import { summarize } from './statistics.js';
import { type LoadResult, wrk } from './wrk.js';

const AIM = { atLeast: 0.97 };
const SIZES = [1, 30, 90];
const SECONDS = 3;

interface Sides {
  plain: LoadResult[];
  orca: LoadResult[];
}

/** Measures `rounds` times `SECONDS` a side for each number of services and each spread of the load. */
export async function benchThroughput(rounds: number, progress: Progress): Promise<Report> {
  const [, app] = await benchImages();
  const orca = await startOrca();
  const rows: string[][] = [];
  try {
    for (const size of SIZES) {
      progress(`throughput: deploying until there are ${size}`);
      const sites = await deployed(orca, app, size);
      const plain = await startPlainCaddy(readlinkSync(`/proc/${orca.pid('caddy')}/exe`), sites);
      try {
        for (const [load, domains] of loadsOf(sites)) {
          rows.push(row(`${size}`, load, await measure(orca, plain, domains, rounds)));
          progress(`throughput, services: ${size}, load on ${load}: done`);
        }
      } finally {
        await plain.stop();
      }
    }
  } finally {
    await orca.stop();
  }
  return {
    id: 'throughput',
    title: "Requests per second through Orca's Caddy, beside a hand-written Caddyfile",
    tables: [
      {
        columns: ['services', 'load on', 'Caddyfile', "Orca's Caddy", 'ratio', 'failed (Caddyfile, Orca)'],
        rows,
      },
    ],
    notes: [
      `wrk with 32 connections, ${SECONDS} s a round, ${rounds} rounds a side after one that does not count, HTTP/1.1 over TLS on loopback; median, with the middle half in brackets. Each service is a Node container of its own.`,
    ],
  };
}

/** Deploys what is missing of the first `size` services and says where the containers of all of them listen. */
async function deployed(orca: Orca, app: BenchImage, size: number): Promise<Site[]> {
  const names = Array.from({ length: size }, (_, at) => `app-${at}`);
  const toml = names.map((name) => serviceToml(name, app)).join('\n');
  const there = (await orca.status()).services.map(({ name }) => name);
  const missing = names.filter((name) => !there.includes(name));
  const { code, stderr } = await orca.deploy(toml, [...missing, '--timeout', '15m']);
  if (code !== 0) throw new Error(`orca deploy of ${size} services ended with ${code}\n${stderr}`);
  const { services } = await orca.status();
  return names.map((name) => {
    const endpoint = services.find((service) => service.name === name)?.allocations[0]?.endpoint;
    if (!endpoint) throw new Error(`${name} has no endpoint`);
    return { domain: domainOf(name), upstream: endpoint };
  });
}

function loadsOf(sites: readonly Site[]): [string, string[]][] {
  const domains = sites.map(({ domain }) => domain);
  const one: [string, string[]] = ['one', domains.slice(0, 1)];
  return domains.length === 1 ? [one] : [one, ['all', domains]];
}

async function measure(orca: Orca, plain: PlainCaddy, domains: string[], rounds: number): Promise<Sides> {
  const sides: Sides = { plain: [], orca: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const byPlain = async () => sides.plain.push(await wrk(plain.httpsPort, domains, SECONDS));
    const byOrca = async () => sides.orca.push(await wrk(orca.httpsPort, domains, SECONDS));
    for (const side of round % 2 === 0 ? [byPlain, byOrca] : [byOrca, byPlain]) await side();
    if (round === 0) Object.assign(sides, { plain: [], orca: [] });
  }
  return sides;
}

function row(services: string, load: string, { plain, orca }: Sides): string[] {
  const rates = (side: LoadResult[]) => side.map(({ requestsPerSecond }) => requestsPerSecond);
  const failed = (side: LoadResult[]) => side.reduce((sum, round) => sum + round.failed, 0);
  const ratios = rates(orca).map((rate, at) => rate / (rates(plain)[at] ?? Number.NaN));
  return [
    services,
    load,
    spreadCell(summarize(rates(plain)), '/s'),
    spreadCell(summarize(rates(orca)), '/s'),
    ratioCell(summarize(ratios).median, AIM),
    `${failed(plain)}, ${failed(orca)}`,
  ];
}
