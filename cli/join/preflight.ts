/**
 * What must hold before a host becomes a node, looked at with nothing changed: Node, Docker, disk, its address, and, asked of
 * the master, whether it would let this host in (token, clock, version, name) and reaches it. All of it is looked at, so that
 * one run tells everything there is to mend.
 */
import type { JoinCheck, JoinCheckReply } from '../../shared/api-join.js';
import { makeKey } from '../../shared/csr.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { checkOwnAddress } from '../../shared/own-address.js';
import { createHostClient } from '../client.js';
import type { Check } from '../doctor/check.js';
import { checkDisk, checkDocker, checkIngressPorts, checkNode } from '../doctor/host.js';
import { keyUnderWay, type NodeHome } from './home.js';
import type { Pinned } from './pin.js';
import { explained, requestOf, type Wanted } from './wanted.js';
import { withWayBack } from './way-back.js';

export interface PreflightOptions {
  url: URL;
  /** Where the node's home is, or will be. */
  place: string;
  home: NodeHome;
  pinned: Pinned;
  wanted: Wanted;
  token: string;
  /** Docker comes afterwards. */
  withoutDocker: boolean;
}

/** `error` is what the master, or a rule of ours, said itself. */
export type JoinCheckResult = Check & { error?: OrcaError };

export async function preflight(options: PreflightOptions): Promise<JoinCheckResult[]> {
  const { place, wanted, withoutDocker } = options;
  const address = checkAddress(wanted.advertise);
  const [docker, ingress, master] = await Promise.all([
    withoutDocker ? [] : [await checkDocker(wanted.docker.replace(/^unix:\/\//, ''))],
    checkIngressPorts(),
    askMaster(options, address.ok),
  ]);
  return [checkNode(), ...docker, checkDisk(place), ingress, address, ...master];
}

/** Throws what failed: the master's own refusal when it is all, else PREFLIGHT_FAILED with a line for each. */
export function refuseFailed(checks: readonly JoinCheckResult[]): void {
  const failed = checks.filter(({ ok }) => !ok);
  if (failed.length === 1 && failed[0]?.error) throw failed[0].error;
  if (failed.length === 0) return;
  const lines = failed.map(({ name, found, todo }) => `${name}: ${found}${todo === '' ? '' : `: ${todo}`}`);
  throw new OrcaError('PREFLIGHT_FAILED', lines.join('\n'));
}

function checkAddress(address: string): JoinCheckResult {
  try {
    checkOwnAddress(address);
    return { name: 'address', ok: true, found: `${address} is this host's`, todo: '' };
  } catch (error) {
    return failed('address', error);
  }
}

async function askMaster(options: PreflightOptions, isOwnAddress: boolean): Promise<JoinCheckResult[]> {
  const { url, home, pinned, wanted, token } = options;
  const client = createHostClient(url.origin, pinned.ca, home.identity);
  const ask = (way: JoinCheck['way_back']) => {
    const body: JoinCheck = { ...requestOf(wanted, keyUnderWay(home) ?? makeKey(), token), way_back: way };
    return client.post<JoinCheckReply>('/join/check', body);
  };
  try {
    const { reached } = isOwnAddress ? await withWayBack(wanted.advertise, ask) : await ask(null);
    const master = { name: 'master', ok: true, found: `${url.origin} lets this host in`, todo: '' };
    return reached === null ? [master] : [master, checkWayBack(wanted.advertise, reached)];
  } catch (error) {
    return [failed('master', explained(error, url))];
  }
}

function checkWayBack(address: string, reached: boolean): Check {
  const name = 'way back';
  if (reached) return { name, ok: true, found: `the master reaches ${address}`, todo: '' };
  return {
    name,
    ok: false,
    found: `the master does not reach ${address}, where containers of this node would be published`,
    todo: 'let the other nodes in to ports 32768 to 60999 (firewall, security group), or choose another address with --advertise',
  };
}

function failed(name: string, error: unknown): JoinCheckResult {
  const known =
    error instanceof OrcaError ? error : new OrcaError('INTERNAL', messageOf(error), { cause: error });
  return { name, ok: false, found: known.message, todo: known.hint, error: known };
}
