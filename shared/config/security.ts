/** `[security]` of cluster.toml: what services may reach beyond their containers. Nothing, unless it stands here. */
import * as z from 'zod';
import { hostPath } from '../mount-rules.js';
import { NOTHING_ALLOWED, type PortRange, type SecurityRules } from '../permit.js';
import { capabilityList, pidsLimit } from './confinement.js';
import { text } from './fields.js';
import { shown } from './limits.js';

const hostFolder = text((value) =>
  value.startsWith('/') && !/[:\0]/.test(value)
    ? null
    : `must be an absolute path of the hosts, such as "/srv"; it is ${shown(value)}`,
);

/** `25`, `"25"` or `"8000-8999"`. */
const portRange = z.union([z.number(), z.string()]).transform((value, ctx): PortRange => {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)) ?? [];
  const [from, to] = [Number(first), Number(last ?? first)];
  if (first !== undefined && from >= 1 && from <= to && to <= 65_535) return { from, to };
  const message = `must be a port, or a range of ports such as "8000-8999"; it is ${JSON.stringify(value)}`;
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const securitySchema = z.strictObject({
  allowed_mounts: z.array(hostFolder).optional(),
  privileged: z.boolean().optional(),
  new_privileges: z.boolean().optional(),
  cap_add: capabilityList.optional(),
  pids_limit: pidsLimit.optional(),
  host_ports: z.array(portRange).optional(),
});

export function securityRulesOf(table: z.output<typeof securitySchema> = {}): SecurityRules {
  return {
    allowedMounts: [...new Set((table.allowed_mounts ?? []).map(hostPath))],
    privileged: table.privileged ?? false,
    newPrivileges: table.new_privileges ?? false,
    capAdd: table.cap_add ?? [],
    pidsLimit: table.pids_limit ?? NOTHING_ALLOWED.pidsLimit,
    hostPorts: table.host_ports ?? NOTHING_ALLOWED.hostPorts,
  };
}
