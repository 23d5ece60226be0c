/** The CNCF registry with TLS and a password, as a user would run one; Docker on this machine trusts its certificate until it is stopped. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { openAuthority } from '../../master/authority.js';
import { freePorts } from './free-port.js';
import { killHard } from './processes.js';
import { waitFor } from './wait-for.js';

export const registryUser = 'deploy';
export const registryPassword = 'correct horse battery';
/** bcrypt of it, which is all that the registry takes. */
export const registryHash = '$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.';

export interface RealRegistry {
  /** `address:port`. */
  host: string;
  /** From now on that alone is its user's password: its bcrypt. */
  passwordIs(hash: string): void;
  stop(): Promise<void>;
}

/** On an address of this machine. */
export async function startRegistry(address: string): Promise<RealRegistry> {
  const [port = 0] = await freePorts(1);
  const host = `${address}:${port}`;
  const folder = mkdtempSync('/tmp/orca-registry-');
  const trusted = `/etc/docker/certs.d/${host}`;
  const at = (name: string): string => join(folder, name);
  const authority = openAuthority(folder, Date.now());
  const { certPem, keyPem } = authority.issueServer([address], Date.now());
  mkdirSync(trusted, { recursive: true });
  writeFileSync(join(trusted, 'ca.crt'), authority.caPem);
  writeFileSync(at('cert.pem'), certPem);
  writeFileSync(at('key.pem'), keyPem, { mode: 0o600 });
  writeFileSync(at('htpasswd'), `${registryUser}:${registryHash}\n`);
  const config = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: at('store') } },
    auth: { htpasswd: { realm: 'test', path: at('htpasswd') } },
    http: { addr: host, secret: 's', tls: { certificate: at('cert.pem'), key: at('key.pem') } },
  };
  writeFileSync(at('config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', at('config.yml')], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    if (child.pid) await killHard(child.pid);
    rmSync(folder, { recursive: true });
    rmSync(trusted, { recursive: true });
  };
  await waitFor('the registry to answer', () => isUp(address, port, authority.caPem)).catch(async (error) => {
    await stop();
    throw error;
  });
  // It reads the file anew when that has changed.
  const passwordIs = (hash: string): void => writeFileSync(at('htpasswd'), `${registryUser}:${hash}\n`);
  return { host, passwordIs, stop };
}

function isUp(host: string, port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host, port, ca, path: '/v2/', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 401);
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
