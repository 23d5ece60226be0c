/** `[security]` of cluster.toml: what services may reach beyond their containers. Nothing, unless it stands here. */
import { z } from 'zod';
import { hostPath } from '../mount-rules.js';
import type { SecurityRules } from '../permit.js';
import { capabilityList } from './confinement.js';
import { text } from './fields.js';
import { shown } from './limits.js';

const hostFolder = text((value) =>
  value.startsWith('/') && !/[:\0]/.test(value)
    ? null
    : `must be an absolute path of the hosts, such as "/srv"; it is ${shown(value)}`,
);

export const securitySchema = z.strictObject({
  allowed_mounts: z.array(hostFolder).optional(),
  privileged: z.boolean().optional(),
  new_privileges: z.boolean().optional(),
  cap_add: capabilityList.optional(),
});

export function securityRulesOf(table: z.output<typeof securitySchema> = {}): SecurityRules {
  return {
    allowedMounts: [...new Set((table.allowed_mounts ?? []).map(hostPath))],
    privileged: table.privileged ?? false,
    newPrivileges: table.new_privileges ?? false,
    capAdd: table.cap_add ?? [],
  };
}
