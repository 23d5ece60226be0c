/**
 * The keys that say how a container is shut in: which rights it has, what it may write to, as whom it runs. Each in one form, and what is
 * so by default left out, so that a service that says nothing of it is the one that it was before there were these keys.
 */
import { closest } from 'fastest-levenshtein';
import * as z from 'zod';
import { ALL_CAPABILITIES, CAPABILITIES, capabilityName, isCapability } from '../capabilities.js';
import type { Confinement } from '../spec.js';
import { anyText, readSize, text } from './fields.js';
import { list, most, shown } from './limits.js';
import type { Problem } from './problem.js';

/** The longest there is has 18, and may have `CAP_` in front: more is none, and is not compared with them. */
const MAX_CAPABILITY = 64;

const capability = text((value) => {
  const name = capabilityName(value);
  if (isCapability(name)) return null;
  const nearest = closest(name, CAPABILITIES);
  return `must be a capability of Linux such as "NET_ADMIN", or "ALL"; it is ${shown(value)}: did you mean "${nearest}"?`;
}, MAX_CAPABILITY);
const capabilities = list(capability, most.capabilities).transform((names) => {
  const plain = [...new Set(names.map(capabilityName))].sort();
  return plain.includes(ALL_CAPABILITIES) ? [ALL_CAPABILITIES] : plain;
});

/** `USER[:GROUP]`, each a name or a number, as Docker takes it. */
const user = text((value) =>
  /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31})?$/.test(value)
    ? null
    : `must be a user, or user and group, such as "1000:1000" or "nobody"; it is ${shown(value)}`,
);

/** `/path`, or `/path:size=64Mi`. */
const tmpfs = anyText.transform((value, ctx): { path: string; sizeBytes: number | null } => {
  const [, path, size] = /^(\/[^:,\0]+)(?::size=([^,]+))?$/.exec(value) ?? [];
  const sizeBytes = size === undefined ? null : readSize(size);
  if (path !== undefined && (size === undefined || (sizeBytes ?? 0) > 0)) return { path, sizeBytes };
  const message = `must be a path in the container such as "/tmp" or "/tmp:size=64Mi"; it is ${shown(value)}`;
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** Of a service's table. */
export const confinementKeys = {
  cap_drop: capabilities.optional(),
  cap_add: capabilities.optional(),
  read_only: z.boolean().optional(),
  tmpfs: list(tmpfs, most.tmpfs).optional(),
  user: user.optional(),
  privileged: z.boolean().optional(),
  new_privileges: z.boolean().optional(),
};

/** Of `[security]` in cluster.toml. */
export const capabilityList = capabilities;

/** So many processes and threads; -1: no limit, as Docker and compose write it. The most is what Linux can count (PID_MAX_LIMIT). */
export const pidsLimit = z
  .number()
  .int()
  .min(-1)
  .max(4_194_304)
  .refine((value) => value !== 0, { error: 'must be 1 or more, or -1 for no limit' });

interface ConfinementTable extends z.output<ReturnType<typeof objectOf>> {
  resources?: { pids_limit?: number | undefined } | undefined;
}
const objectOf = () => z.object(confinementKeys);

/** Undefined: nothing is said that is not so by default. */
export function confinementOf(table: ConfinementTable): Confinement | undefined {
  const pids = table.resources?.pids_limit;
  const confinement: Confinement = {
    ...(table.cap_drop?.length ? { capDrop: table.cap_drop } : {}),
    ...(table.cap_add?.length ? { capAdd: table.cap_add } : {}),
    ...(table.read_only ? { readOnly: true } : {}),
    ...(table.tmpfs?.length ? { tmpfs: table.tmpfs } : {}),
    ...(table.user === undefined ? {} : { user: table.user }),
    ...(table.privileged ? { privileged: true } : {}),
    ...(table.new_privileges ? { newPrivileges: true } : {}),
    ...(pids === undefined ? {} : { pidsLimit: pids }),
  };
  return Object.keys(confinement).length === 0 ? undefined : confinement;
}

/** Keys that say the opposite of each other, or nothing. */
export function checkConfinement(table: ConfinementTable): Problem[] {
  const problems: Problem[] = [];
  const { cap_add = [], cap_drop = [], privileged } = table;
  const both = cap_add.find((name) => cap_drop.includes(name));
  if (both !== undefined)
    problems.push({ path: ['cap_add'], message: `${both} is in cap_drop too; keep it in one of the two` });
  if (!privileged) return problems;
  for (const key of ['cap_add', 'cap_drop', 'new_privileges'] as const) {
    const value = table[key];
    if (Array.isArray(value) ? value.length > 0 : value)
      problems.push({ path: [key], message: 'has no effect with privileged, which gives every right' });
  }
  return problems;
}
