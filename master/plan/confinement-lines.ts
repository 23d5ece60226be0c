/** How a container is shut in, in the words of service.toml: what `orca diff` and `orca history` show of it. */
import type { Confinement, ServiceSpec } from '../../shared/spec.js';

type Show = (spec: ServiceSpec) => string | null;

export const confinementFields: readonly (readonly [string, Show])[] = [
  ['resources.pids_limit', of(({ pidsLimit }) => (pidsLimit === undefined ? null : String(pidsLimit)))],
  ['cap_drop', of(({ capDrop = [] }) => listed(capDrop))],
  ['cap_add', of(({ capAdd = [] }) => listed(capAdd))],
  ['read_only', of(({ readOnly }) => (readOnly ? 'true' : null))],
  ['tmpfs', of(({ tmpfs = [] }) => listed(tmpfs.map(({ path, sizeBytes }) => path + sized(sizeBytes))))],
  ['user', of(({ user }) => user ?? null)],
  ['privileged', of(({ privileged }) => (privileged ? 'true' : null))],
  ['new_privileges', of(({ newPrivileges }) => (newPrivileges ? 'true' : null))],
];

function of(show: (confinement: Confinement) => string | null): Show {
  return ({ container }) => show(container.confinement ?? {});
}

const listed = (values: readonly string[]): string | null => (values.length === 0 ? null : values.join(', '));

const sized = (bytes: number | null): string => (bytes === null ? '' : `:size=${bytes / 1024 ** 2}Mi`);
