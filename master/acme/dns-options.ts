/** `[acme.dns_options]` with the values of the secrets that it refers to, and what must not be shown of it. */
import { expand, namesIn } from '../../shared/secret-reference.js';
import { AcmeFailure } from './problem.js';

export interface DnsOptions {
  options: Record<string, unknown>;
  /** The text without any value that was put in. */
  hide(text: string): string;
}

/** Throws AcmeFailure for a secret that `find` does not know, by its name. */
export function dnsOptions(
  written: Record<string, unknown>,
  find: (name: string) => string | null,
): DnsOptions {
  const values = new Map<string, string>();
  const found = (name: string): string => {
    const value = find(name);
    if (value === null)
      throw new AcmeFailure(
        `[acme.dns_options] needs the secret "${name}", which is not set for all projects, or can't be read`,
        `orca secrets set ${name}, without a project; then orca certs retry NAME`,
      );
    values.set(name, value);
    return value;
  };
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return expand(value, found);
    if (Array.isArray(value)) return value.map(filled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]));
  };
  return { options: filled(written) as Record<string, unknown>, hide: (text) => hidden(text, values) };
}

/** The names of all secrets that it refers to. */
export function secretsIn(value: unknown): string[] {
  if (typeof value === 'string') return namesIn(value);
  if (typeof value !== 'object' || value === null) return [];
  return [...new Set(Object.values(value).flatMap(secretsIn))];
}

/** As it is, and as it stands in JSON, in Go's quotes, and in an address; the longest first, each place once. */
function hidden(text: string, values: ReadonlyMap<string, string>): string {
  const shown = new Map(
    [...values].flatMap(([name, value]) =>
      [value, value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]
        .filter((form) => form !== '')
        .map((form) => [form, `\${secrets.${name}}`] as const),
    ),
  );
  if (shown.size === 0) return text;
  const forms = [...shown.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(forms.map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
  return text.replace(any, (form) => shown.get(form) ?? '');
}
