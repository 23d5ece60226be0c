/**
 * DNS-01 by a module of Caddy: a short-lived Caddy has its provider show the record of one challenge, and takes it down again. The order
 * stays the master's: Caddy talks to the go-between, never to the CA. What can't work is said before anything is ordered.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dnsProviders, findCaddy } from '../../shared/caddy-binary.js';
import { messageOf } from '../../shared/errors.js';
import { type CaddyProcess, clearCaddies, startCaddy } from './caddy-process.js';
import { dnsConfig } from './dns-config.js';
import { dnsOptions } from './dns-options.js';
import { startGoBetween } from './go-between.js';
import type { DnsSettings } from './order.js';
import { AcmeFailure } from './problem.js';

export interface DnsRecord {
  name: string;
  /** Of the CA's challenge. */
  token: string;
  accountKeyPem: string;
}

/** A record that is there. */
export interface ShownRecord {
  /** Resolves when it was taken down, or could not be within a minute. Never throws. */
  remove(): Promise<void>;
}

export interface DnsOptionsOfCluster {
  /** Of its own in the home; what lies in it is removed. */
  folder: string;
  env: NodeJS.ProcessEnv;
  /** The value of a secret of all projects; null: there is none that can be read. */
  secret(name: string): string | null;
  /** Told of a record that could not be taken down. */
  onLeft(name: string, why: string): void;
  /** Another time than `PROVIDER_MS`, for tests. */
  providerMs?: number;
}

export interface Dns {
  /** Resolves with the Caddy that has the module and takes its options; throws AcmeFailure with what is missing. */
  check(dns: DnsSettings): Promise<string>;
  /** Resolves when the record is there. Throws AcmeFailure with Caddy's words, `isGone`: the order can go on. */
  show(record: DnsRecord, dns: DnsSettings): Promise<ShownRecord>;
  /** Takes down a record that may have been left: it is made once more, which changes nothing, and removed. Never throws. */
  takeDown(record: DnsRecord, dns: DnsSettings): Promise<void>;
  /** Ends every Caddy of it. */
  stop(): void;
}

/** Beyond the record's own time: for the provider to make it, and to take it down. */
const PROVIDER_MS = 60_000;
const VALIDATE_MS = 15_000;

/** Ends and removes what a master before has left. */
export function createDns(of: DnsOptionsOfCluster): Dns {
  const { folder, env, secret, onLeft, providerMs = PROVIDER_MS } = of;
  clearCaddies(folder);
  const running = new Set<CaddyProcess>();
  let isOver = false;
  const start = (command: Omit<Parameters<typeof startCaddy>[0], 'folder' | 'env'>, own: string) => {
    if (isOver) throw new AcmeFailure('the master is stopping', null, { isGone: true });
    const caddy = startCaddy({ ...command, folder: own, env });
    running.add(caddy);
    caddy.ended.finally(() => running.delete(caddy));
    return caddy;
  };
  const ownFolder = (): string => join(folder, randomBytes(6).toString('hex'));

  const check = async (dns: DnsSettings): Promise<string> => {
    const binary = await binaryWith(dns, env);
    const { options, hide } = dnsOptions(dns.options, secret);
    const own = ownFolder();
    const nothing = { name: 'example.com', directory: 'https://127.0.0.1/', accountKeyPem: null };
    const config = dnsConfig({ ...nothing, dns, options, storage: own });
    const caddy = start({ binary, verb: 'validate', config, hide }, own);
    const end = await Promise.race([caddy.ended, expired(VALIDATE_MS)]);
    caddy.end();
    if (end !== null && end.code === 0) return binary;
    const words = end === null ? `no answer within ${VALIDATE_MS / 1_000} s` : end.lastWords;
    throw new AcmeFailure(`${binary} refuses the options of ${moduleOf(dns)}: ${words}`, MEND);
  };

  const show = async ({ name, token, accountKeyPem }: DnsRecord, dns: DnsSettings): Promise<ShownRecord> => {
    const binary = await binaryWith(dns, env);
    const { options, hide } = dnsOptions(dns.options, secret);
    const between = await startGoBetween({ name, token });
    const own = ownFolder();
    const config = dnsConfig({
      name,
      directory: between.directory,
      accountKeyPem,
      dns,
      options,
      storage: own,
    });
    const caddy = await begun(() => start({ binary, verb: 'run', config, hide }, own), between.close);
    const end = async (): Promise<void> => {
      caddy.end();
      await Promise.all([caddy.ended, between.close()]);
    };
    const limitMs = (dns.propagationTimeoutMs ?? 0) + dns.propagationDelayMs + providerMs;
    const why = await outcome(between.shown, caddy, limitMs);
    if (why !== null) {
      await end();
      throw new AcmeFailure(`${moduleOf(dns)} got no record of ${name} shown: ${why}`, MEND, {
        isGone: true,
      });
    }
    return {
      async remove() {
        between.release();
        const left = await outcome(between.over, caddy, providerMs);
        await end();
        if (left !== null) onLeft(name, left);
      },
    };
  };
  return {
    check,
    show,
    async takeDown(record, dns) {
      const unseen = { ...dns, propagationTimeoutMs: null, propagationDelayMs: 0 };
      await show(record, unseen).then(
        (shown) => shown.remove(),
        (error: unknown) => onLeft(record.name, messageOf(error)),
      );
    },
    stop() {
      isOver = true;
      for (const caddy of running) caddy.end();
    },
  };
}

const MEND =
  'Mend [acme] in cluster.toml, or the secret that it names; then `orca reload` and `orca certs retry NAME`.';

const moduleOf = (dns: DnsSettings): string => `dns.providers.${dns.module}`;

/** The Caddy that records are made by (https://github.com/caddyserver/xcaddy; the caddy-dns organization names its modules so). */
async function binaryWith(dns: DnsSettings, env: NodeJS.ProcessEnv): Promise<string> {
  const build = `A Caddy with the module is made by \`xcaddy build --with github.com/caddy-dns/${dns.module}\`, and used by [acme] dns_caddy = "/path/to/it"`;
  const binary = found(dns.caddy, env);
  const providers = await dnsProviders(binary, env);
  if (providers === null) throw new AcmeFailure(`${binary} does not say which modules it has`, build);
  if (providers.includes(dns.module)) return binary;
  throw new AcmeFailure(`the Caddy of the master's host (${binary}) has no module ${moduleOf(dns)}`, build);
}

function found(setting: string, env: NodeJS.ProcessEnv): string {
  try {
    return findCaddy(setting, env);
  } catch (error) {
    throw new AcmeFailure(`DNS-01: ${messageOf(error)}`, 'Or name one by [acme] dns_caddy.');
  }
}

/** Null: it has come to that; else why not. */
async function outcome(reached: Promise<void>, caddy: CaddyProcess, limitMs: number): Promise<string | null> {
  return Promise.race([
    reached.then(() => null),
    caddy.failed,
    caddy.ended.then(({ lastWords }) => `Caddy ended: ${lastWords}`),
    expired(limitMs).then(
      () => `nothing came of it within ${limitMs / 1_000} s; Caddy's last words: ${caddy.lastWords()}`,
    ),
  ]);
}

/** What can't be begun leaves nothing open. */
async function begun<T>(begin: () => T, undo: () => Promise<void>): Promise<T> {
  try {
    return begin();
  } catch (error) {
    await undo();
    throw error;
  }
}

const expired = (ms: number): Promise<null> => delay(ms, null, { ref: false });
