/**
 * The home of a node, before and after it joins: what is there already, and what a join writes. Refuses the home of a
 * master and that of a node of another cluster (HOME_TAKEN).
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey } from '../../shared/csr.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { writeFileAtomic } from '../../shared/files.js';
import { type Identity, identityPaths, readIdentity, writeIdentity } from '../../shared/identity-files.js';
import { certificateFingerprint } from '../../shared/join-token.js';

/** What `HOME/agent/agent.json` holds; the agent's settings.ts reads it. */
export interface NodeSettings {
  nodeId: string;
  name: string;
  masterUrl: string;
  docker: string;
  advertise: string | null;
}

export interface NodeHome {
  folder: string;
  /** Null: this host has none yet, or only half of one. */
  identity: Identity | null;
  settings: Partial<NodeSettings>;
}

export const agentFolder = (home: string): string => join(home, 'agent');

export async function openNodeHome(home: string, caFingerprint: string): Promise<NodeHome> {
  const master = ['ca.key', 'master.key', 'cluster.db'].find((name) => existsSync(join(home, name)));
  if (master !== undefined)
    throw new OrcaError('HOME_TAKEN', `${home} is the home of a master (it holds ${master})`);
  const folder = agentFolder(home);
  const { ca } = identityPaths(folder);
  if (existsSync(ca) && fingerprintOf(readFileSync(ca, 'utf8')) !== caFingerprint)
    throw new OrcaError('HOME_TAKEN', `${home} is the home of a node of another cluster`);
  const identity = await readIdentity(identityPaths(folder)).catch(() => null);
  return { folder, identity, settings: readSettings(join(folder, 'agent.json')) };
}

/** The key of a join whose answer got lost, if there is one. */
export function keyUnderWay({ folder }: NodeHome): string | null {
  const file = join(folder, PENDING);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** The key of a join under way: kept until it is done, so that one whose answer got lost is known when it asks again. */
export function pendingKey(home: NodeHome): string {
  const before = keyUnderWay(home);
  if (before !== null) return before;
  const { folder } = home;
  const key = makeKey();
  guarded(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileAtomic(join(folder, PENDING), key, 0o600);
  });
  return key;
}

/** `agent.json` comes last: without it no agent starts. True when it says something else than before. */
export function writeNodeHome({ folder }: NodeHome, identity: Identity, settings: NodeSettings): boolean {
  const file = join(folder, 'agent.json');
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  const isSame = existsSync(file) && readFileSync(file, 'utf8') === text;
  guarded(folder, () => {
    writeIdentity(folder, identity);
    if (!isSame) writeFileAtomic(file, text, 0o600);
    rmSync(join(folder, PENDING), { force: true });
  });
  return !isSame;
}

const PENDING = 'join.key';

function guarded(folder: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new OrcaError('USAGE', `${folder} can't be written: ${messageOf(cause)}`, {
      cause,
      hint: 'Run as a user who may write there, or pass another --home.',
    });
  }
}

function fingerprintOf(pem: string): string {
  try {
    return certificateFingerprint(new X509Certificate(pem).raw);
  } catch {
    return '';
  }
}

function readSettings(file: string): Partial<NodeSettings> {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Partial<NodeSettings> | null) ?? {};
  } catch {
    return {};
  }
}
