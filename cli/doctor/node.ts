/** Doctor's questions about a host that has joined: what its agent was told, its address, and what the master says of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '../../shared/duration.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import { checkOwnAddress } from '../../shared/own-address.js';
import type { Io } from '../io.js';
import { agentFolder, type NodeSettings } from '../join/home.js';
import { isUp, ownNode } from '../join/ready.js';
import type { Check } from './check.js';
import { checkDisk, checkDocker, checkIngressPorts, checkNode, dockerSocket } from './host.js';

const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/** A node's home, and no master's. */
export const isJoined = (home: string): boolean =>
  existsSync(join(agentFolder(home), 'agent.json')) && !existsSync(join(home, 'ca.key'));

export async function checkJoined(home: string, env: Io['env']): Promise<Check[]> {
  const settings = JSON.parse(readFileSync(join(agentFolder(home), 'agent.json'), 'utf8')) as NodeSettings;
  return [
    ...(await checkMasterOf(home, settings)),
    checkNode(),
    await checkDocker(dockerSocket(home, env)),
    checkDisk(home),
    checkAddress(settings.advertise),
    await checkIngressPorts(),
  ];
}

async function checkMasterOf(home: string, { masterUrl }: NodeSettings): Promise<Check[]> {
  const { host } = new URL(masterUrl);
  try {
    const node = await ownNode(new URL(`https://${host}`), agentFolder(home));
    const why = node.reason === null ? '' : `: ${node.reason}`;
    return [
      { name: 'master', ok: true, found: `https://${host}`, todo: '' },
      {
        name: 'agent',
        ok: isUp(node),
        found: `${node.name} (${node.node_id}) is ${node.state}${why}`,
        todo: isUp(node) ? '' : `see ${join(home, 'logs', 'agent.log')}`,
      },
      checkClock(Date.parse(node.clock)),
    ];
  } catch (error) {
    const todo = error instanceof OrcaError ? error.hint : '';
    return [{ name: 'master', ok: false, found: messageOf(error), todo }];
  }
}

function checkClock(masterMs: number): Check {
  const skewMs = Math.abs(Date.now() - masterMs);
  const ok = skewMs <= MAX_CLOCK_SKEW_MS;
  const found = `${formatDuration(skewMs)} from the master's`;
  return { name: 'clock', ok, found, todo: ok ? '' : 'set it (`timedatectl set-ntp true`)' };
}

function checkAddress(advertise: string | null): Check {
  const name = 'address';
  if (advertise === null) return { name, ok: true, found: 'that of Docker’s bridge', todo: '' };
  try {
    checkOwnAddress(advertise);
    return { name, ok: true, found: advertise, todo: '' };
  } catch (error) {
    const found = `${advertise} is no address of this host any more`;
    const hint = error instanceof OrcaError ? error.hint : '';
    return { name, ok: false, found, todo: `${hint} Run \`orca join\` with another --advertise` };
  }
}
