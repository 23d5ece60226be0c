/**
 * What the local agent needs to be an ordinary agent: a node id that stays, its client certificate, the CA and
 * `agent.json`, all under `home/agent`. Files that are right already are left alone.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../shared/files.js';
import { writeIdentity } from '../shared/identity-files.js';
import { type Authority, NODE_CERTIFICATE_DAYS } from './authority.js';
import type { MasterSettings } from './settings.js';
import type { Store } from './store/store.js';

export interface LocalNode {
  id: string;
  name: string;
  /** The files differ from those that a running agent has read. */
  changed: boolean;
  /** When its certificate expires. */
  notAfterMs: number;
}

/** Enrols this host; `port` is where the API listens. */
export function enrolLocalNode(settings: MasterSettings, authority: Authority, port: number): LocalNode {
  const folder = join(settings.home, 'agent');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'agent.json');
  const before = readIdentity(file);
  const id = before.nodeId ?? `n-${randomBytes(4).toString('hex')}`;
  const name = hostname();
  const identity = {
    nodeId: id,
    name,
    masterUrl: `wss://${reachable(settings.listen.host)}:${port}/agent`,
    docker: settings.docker,
    advertise: settings.advertise,
  };
  const text = `${JSON.stringify(identity, null, 2)}\n`;
  const isSame = existsSync(file) && readFileSync(file, 'utf8') === text;
  const hadCertificate = isValidCertificate(folder, id, authority);
  if (!hadCertificate) {
    const { certPem, keyPem } = authority.issueNode(id, Date.now());
    writeIdentity(folder, { ca: authority.caPem, cert: certPem, key: keyPem });
  }
  if (!isSame) writeFileAtomic(file, text, 0o600);
  const { validTo } = new X509Certificate(readFileSync(join(folder, 'node.crt')));
  return { id, name, changed: !isSame || !hadCertificate, notAfterMs: Date.parse(validTo) };
}

/** The store knows it as it knows every node that has joined. */
export function rememberLocalNode(store: Store, { id, name, notAfterMs }: LocalNode): void {
  store.write((tx) => {
    const before = tx.identity(id) ?? { node: id, labels: {}, issuedAtMs: Date.now() };
    tx.putIdentity({ ...before, name, notAfterMs });
  });
}

/** Where this host reaches what listens on `host`. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function readIdentity(file: string): { nodeId?: string } {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const nodeId = (value as { nodeId?: unknown } | null)?.nodeId;
    return typeof nodeId === 'string' && nodeId !== '' ? { nodeId } : {};
  } catch {
    return {};
  }
}

function isValidCertificate(folder: string, id: string, authority: Authority): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(join(folder, 'node.crt')));
    const key = createPrivateKey(readFileSync(join(folder, 'node.key')));
    const isOurs = certificate.verify(new X509Certificate(authority.caPem).publicKey);
    const leftDays = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
    const isFresh = leftDays > NODE_CERTIFICATE_DAYS / 3 && leftDays <= NODE_CERTIFICATE_DAYS;
    const hasCa = readFileSync(join(folder, 'ca.pem'), 'utf8') === authority.caPem;
    return (
      isOurs && isFresh && hasCa && certificate.subject === `CN=${id}` && certificate.checkPrivateKey(key)
    );
  } catch {
    return false;
  }
}
