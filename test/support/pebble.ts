/**
 * Let's Encrypt's test CA in a host of a test bed, with a DNS server of its own: names point where a test says, validation comes
 * by ports 80 and 443 as the public one does. What it says of itself is read from its log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '../../master/authority.js';
import { request } from './https-request.js';
import type { BedHost } from './testbed.js';
import { waitFor } from './wait-for.js';

export interface PebbleOptions {
  /** How long its certificates last, seconds. */
  validitySecs?: number;
  /** Names it issues nothing for. */
  blocked?: string[];
  /** Keys that an account must be bound by, base64url by their id. */
  eab?: Record<string, string>;
  /** Its failure switches, such as `PEBBLE_WFE_NONCEREJECT`. */
  env?: Record<string, string>;
}

export interface Pebble {
  /** Lines of cluster.toml that switch ACME on with it. */
  readonly toml: string;
  readonly directory: string;
  /** What its own server is trusted by, PEM. */
  readonly rootsFile: string;
  /** Where a name points; none: it is not there. */
  point(name: string, ...addresses: string[]): Promise<void>;
  /** The TXT records of a name. */
  text(name: string, values: string[]): Promise<void>;
  /** What it issues by, PEM. */
  root(): Promise<string>;
  /** How often its log has this line since it was last started. */
  count(line: RegExp): number;
  log(): string;
  /** Ends the CA, and starts it again with other switches: it forgets all. */
  restart(options?: PebbleOptions): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const API = 14_000;
const MANAGEMENT = 15_000;
const DNS = 8_053;
const DNS_MANAGEMENT = 8_055;
/** Logged once for each. */
export const ORDER = /Added order/g;
export const ACCOUNT = /There are now \d+ accounts/g;

export async function startPebble(host: BedHost, first: PebbleOptions = {}): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'orca-pebble-'));
  const authority = openAuthority(folder, Date.now());
  const { certPem, keyPem } = authority.issueServer([host.address], Date.now());
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const [certificate, privateKey] = [file('cert.pem', certPem), file('key.pem', keyPem)];
  const log = join(folder, 'log');
  const begin = (command: string[], env: Record<string, string> = {}): ChildProcess => {
    const [program = '', ...args] = host.enter(command);
    const out = openSync(log, 'a');
    return spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
  };
  const names = begin([
    ...['pebble-challtestsrv', '-http01', '', '-https01', '', '-tlsalpn01', ''],
    ...['-dns01', `${host.address}:${DNS}`, '-management', `${host.address}:${DNS_MANAGEMENT}`],
    ...['-defaultIPv4', '', '-defaultIPv6', ''],
  ]);
  let pebble: ChildProcess | null = null;
  let startedAt = 0;
  const start = async ({ validitySecs, blocked = [], eab, env = {} }: PebbleOptions): Promise<void> => {
    const config = file(
      'pebble.json',
      JSON.stringify({
        pebble: {
          listenAddress: `${host.address}:${API}`,
          managementListenAddress: `${host.address}:${MANAGEMENT}`,
          ...{ certificate, privateKey, httpPort: 80, tlsPort: 443, ocspResponderURL: '' },
          externalAccountBindingRequired: eab !== undefined,
          ...(eab ? { externalAccountMACKeys: eab } : {}),
          domainBlocklist: blocked,
          ...(validitySecs === undefined ? {} : { certificateValidityPeriod: validitySecs }),
        },
      }),
    );
    const command = ['pebble', '-config', config, '-dnsserver', `${host.address}:${DNS}`];
    pebble = begin(command, { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', ...env });
    await waitFor('Pebble', async () => (await get('/dir', API)).status === 200);
  };
  const get = (path: string, port: number) =>
    request({ host: host.address, port, path, ca: authority.caPem, agent: false });
  const killed = async (child: ChildProcess | null): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const tell = (path: string, body: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const at = { host: host.address, port: DNS_MANAGEMENT, path, method: 'POST', agent: false } as const;
      plainRequest(at, (response) => response.resume().on('end', resolve))
        .on('error', reject)
        .end(JSON.stringify(body));
    });
  await waitFor('the DNS server', () => tell('/clear-a', { host: 'nobody.' }).then(() => true));
  await start(first);
  const directory = `https://${host.address}:${API}/dir`;
  const rootsFile = join(folder, 'ca.pem');
  return {
    directory,
    rootsFile,
    toml: [
      '[acme]',
      `directory = "${directory}"`,
      `trusted_roots = ["${rootsFile}"]`,
      `resolvers = ["${host.address}:${DNS}"]`,
    ].join('\n'),
    async point(name, ...addresses) {
      await tell('/clear-a', { host: `${name}.` });
      if (addresses.length > 0) await tell('/add-a', { host: `${name}.`, addresses });
    },
    async text(name, values) {
      await tell('/clear-txt', { host: `${name}.` });
      for (const value of values) await tell('/set-txt', { host: `${name}.`, value });
    },
    root: async () => (await get('/roots/0', MANAGEMENT)).body,
    count: (line) => readFileSync(log, 'utf8').slice(startedAt).match(line)?.length ?? 0,
    log: () => readFileSync(log, 'utf8'),
    async restart(options = {}) {
      await killed(pebble);
      startedAt = readFileSync(log, 'utf8').length;
      await start(options);
    },
    kill: () => killed(pebble),
    async stop() {
      await killed(pebble);
      await killed(names);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
