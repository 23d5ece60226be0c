/**
 * The wires of a test bed: a namespace with a bridge, one namespace a host with `eth0` on it, and a cable to the caller.
 * The bridge has a namespace of its own because one in the root namespace would be filtered by the machine's iptables (Docker
 * sets FORWARD to DROP): so no rule is added anywhere, and only one interface is seen outside.
 */
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { signal } from './processes.js';
import { repository } from './source-tree.js';
import type { BedNames, HostNames } from './testbed-names.js';
import { attempt, run } from './testbed-run.js';

const ip = (...args: string[]): string => run('ip', args);
const BRIDGE = 'br0';

/** The bridge and the caller's cable. */
export function makeSwitch(bed: BedNames): void {
  ip('netns', 'add', bed.switch);
  ip('-n', bed.switch, 'link', 'add', BRIDGE, 'type', 'bridge');
  ip('-n', bed.switch, 'link', 'set', BRIDGE, 'up');
  ip('link', 'add', bed.link, 'type', 'veth', 'peer', 'name', 'out', 'netns', bed.switch);
  plugIn(bed, 'out');
  ip('address', 'add', `${bed.gateway}/24`, 'dev', bed.link);
  ip('link', 'set', bed.link, 'up');
}

/** A host's namespaces (network, and its host name) and its cable. Its folder is there already. */
export function makeHost(bed: BedNames, host: HostNames): void {
  const { namespace, name, address } = host;
  ip('netns', 'add', namespace);
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  ip('link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', 'peer', 'name', name, 'netns', bed.switch);
  plugIn(bed, name);
  ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  ip('-n', namespace, 'route', 'add', 'default', 'via', bed.gateway);
  closeSync(openSync(utsOf(host), 'w'));
  run('unshare', [`--uts=${utsOf(host)}`, 'hostname', name]);
}

/** The command that runs `command` on the host. Not `ip netns exec`: it remounts /sys, and a daemon loses its cgroups. */
export function entering(host: HostNames, command: string[]): string[] {
  return ['nsenter', `--net=/var/run/netns/${host.namespace}`, `--uts=${utsOf(host)}`, ...command];
}

/** Pulls its cable: nothing comes or goes, and neither side is told. */
export function cut(bed: BedNames, host: HostNames): void {
  ip('-n', bed.switch, 'link', 'set', host.name, 'down');
}

/** The cable is in, and as fast as it was. */
export function heal(bed: BedNames, host: HostNames): void {
  endSlow(bed, host);
  ip('-n', bed.switch, 'link', 'set', host.name, 'up');
}

/**
 * What comes to the host takes `delay` longer (`200ms`), and so much of it is lost (`5%`), until `heal`: by a program between its
 * cable and the bridge, since not every kernel has netem. Throws one line for what is neither.
 */
export function slow(bed: BedNames, host: HostNames, delay: string, loss: string): void {
  const [, ms] = /^(\d{1,5})ms$/.exec(delay) ?? [];
  const [, percent] = /^(\d{1,2}(?:\.\d+)?|100)%$/.exec(loss) ?? [];
  if (ms === undefined || percent === undefined)
    throw new Error(`a slow link is such as 200ms 5%, not ${delay} ${loss}`);
  endSlow(bed, host);
  const carry = ['python3', SLOW_LINK, host.name, tapOf(host), ms, percent, slowPid(host)];
  ip('-n', bed.switch, 'link', 'set', host.name, 'nomaster');
  run('nsenter', [`--net=/var/run/netns/${bed.switch}`, ...carry]);
  plugIn(bed, tapOf(host));
}

function endSlow(bed: BedNames, host: HostNames): void {
  if (!existsSync(slowPid(host))) return;
  signal(Number(readFileSync(slowPid(host), 'utf8')), 'SIGKILL');
  rmSync(slowPid(host));
  attempt('ip', ['-n', bed.switch, 'link', 'delete', tapOf(host)]);
  ip('-n', bed.switch, 'link', 'set', host.name, 'master', BRIDGE);
}

const SLOW_LINK = join(repository, 'test/support/slow-link.py');
const tapOf = ({ name }: HostNames): string => `slow-${name}`;
const slowPid = ({ folder }: HostNames): string => `${folder}/slow.pid`;

export function isCut(bed: BedNames, host: HostNames): boolean {
  return !/[<,]UP[,>]/.test(ip('-n', bed.switch, 'link', 'show', host.name));
}

const utsOf = ({ folder }: HostNames): string => `${folder}/uts`;

function plugIn(bed: BedNames, cable: string): void {
  ip('-n', bed.switch, 'link', 'set', cable, 'master', BRIDGE);
  ip('-n', bed.switch, 'link', 'set', cable, 'up');
}
