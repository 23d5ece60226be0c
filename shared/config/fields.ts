/**
 * The kinds of value that a configuration holds, each a zod type whose message says what is expected and shows an
 * example. They check one value alone; what must hold between keys is in `check`.
 */
import { isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import * as z from 'zod';
import { formatDuration, parseDuration } from '../duration.js';
import { referenceProblem, secretNameProblem } from '../secret-reference.js';
import { list, MAX_TEXT, MAX_WORD, most, shown, tableOf } from './limits.js';

/** The longest wait that a timer of Node holds is 24 days; 7 are plenty. */
const MAX_SECONDS = 604_800;
/** Docker refuses a memory limit below this. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

/** Text that `problemOf` finds nothing wrong with, of so many characters at most. */
export function text(problemOf: (value: string) => string | null, atMost = MAX_TEXT) {
  return z.string().superRefine((value, ctx) => {
    const message = value.length > atMost ? tooLong(value, atMost) : problemOf(value);
    if (message !== null) ctx.addIssue({ code: 'custom', message });
  });
}

const tooLong = ({ length }: string, atMost: number): string =>
  `must have at most ${atMost} characters; it has ${length}`;

/** Any text. */
export const anyText = text(() => null);

/** Text that becomes something else; `read` answers null when it can't. */
function reads<T>(read: (value: string) => T | null, message: string) {
  return z.string().transform((value, ctx): T => {
    const isLong = value.length > MAX_TEXT;
    const result = isLong ? null : read(value);
    if (result !== null) return result;
    const why = isLong ? tooLong(value, MAX_TEXT) : `${message}; it is ${shown(value)}`;
    ctx.addIssue({ code: 'custom', message: why });
    return z.NEVER;
  });
}

/** RFC 1123 label: service and project names are host names on the project's network. */
export const dnsLabel = text((value) =>
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
    ? null
    : `must be lower-case letters, digits and inner hyphens, 63 at most, such as "my-api"; it is ${shown(value)}`,
);

/** A host name, `*.` allowed in front, or an IPv4 address; lower-cased. */
export const domain = anyText.transform((value) => value.toLowerCase()).pipe(text(domainProblem));

export const routePattern = text((value) => {
  if (!value.startsWith('/')) return `must start with "/", such as "/api/*"; it is ${shown(value)}`;
  if (/[{}]/.test(value)) return 'must hold no "{" or "}"';
  if (/[\p{Cf}\u2028\u2029]/u.test(value))
    return 'must hold no characters that are not seen, such as those that turn text around';
  return hasBlank(value) || /[?#]/.test(value) ? 'must be a path without blanks, "?" and "#"' : null;
});

/** A path that a probe asks for; a query is allowed. */
export const probePath = text((value) => {
  if (!value.startsWith('/')) return `must start with "/", such as "/healthz"; it is ${shown(value)}`;
  if (/[^ -ÿ]/.test(value) && !hasBlank(value)) return 'must have what is no Latin letter written as %XX';
  return hasBlank(value) ? 'must hold no blanks' : null;
});

/** An absolute path inside a container. */
export const absolutePath = text((value) =>
  value.startsWith('/') && !value.includes('\0') && !value.includes(':')
    ? null
    : `must be an absolute path without ":", such as "/var/lib/data"; it is ${shown(value)}`,
);

export const port = z.number().int().min(1).max(65_535);

export const nonEmpty = text((value) => {
  if (value.trim() === '') return 'must not be empty';
  return value.includes('\0') ? 'must hold no NUL character' : null;
});

const noNul = (value: string): string | null => (value.includes('\0') ? 'must hold no NUL character' : null);

export const words = list(text(noNul, MAX_WORD), most.words);

/** Seconds (fractions allowed) as milliseconds. */
export function seconds(min: number) {
  return z
    .number()
    .min(min)
    .max(MAX_SECONDS)
    .transform((value) => Math.round(value * 1_000));
}

/** "15s", "1m", or seconds as a number; as milliseconds. */
export function duration(minMs: number, maxMs = MAX_SECONDS * 1_000) {
  const read = (value: string): number | null => {
    const ms = parseDuration(value);
    return ms !== null && ms >= minMs && ms <= maxMs ? ms : null;
  };
  return z.preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    reads(read, `must be a time such as "60s" or "2m", from ${minMs / 1_000}s to ${formatDuration(maxMs)}`),
  );
}

/** Bytes of "512Mi", "1Gi", "512m", "64k"; all units are powers of 1024, as Docker reads them. A number is bytes. */
export const memory = z.preprocess(
  (value) => (typeof value === 'number' ? String(value) : value),
  reads(readSize, 'must be a size such as "512Mi", "1Gi" or "512m"').pipe(
    z.number().superRefine((bytes, ctx) => {
      if (bytes < MIN_MEMORY_BYTES) {
        ctx.addIssue({ code: 'custom', message: 'must be at least 6Mi; Docker refuses less' });
      }
    }),
  ),
);

/** `src:dst[:ro|rw]`, both absolute. */
export const mount = reads((value) => {
  const match = /^(\/[^:\0]*):(\/[^:\0]*)(?::(ro|rw))?$/.exec(value);
  if (!match?.[1] || !match[2]) return null;
  return { source: match[1], target: match[2], readOnly: match[3] === 'ro' };
}, 'must be "/host/path:/container/path", with ":ro" or ":rw" at its end or not');

/** `host:container[/tcp|/udp]`. */
export const extraPort = reads((value) => {
  const match = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(value);
  const host = Number(match?.[1]);
  const container = Number(match?.[2]);
  if (!match || !isPort(host) || !isPort(container)) return null;
  return { host, container, protocol: match[3] === 'udp' ? ('udp' as const) : ('tcp' as const) };
}, 'must be "host:container" or "host:container/udp" with ports from 1 to 65535, such as "22222:22"');

/** Names of other containers on the project's network; underscores are common there. */
export const alias = text((value) =>
  /^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9_])?$/.test(value)
    ? null
    : `must be a host name, such as "backend"; it is ${shown(value)}`,
);

/** What Docker takes as the name of a volume. */
export const volumeName = text((value) =>
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(value)
    ? null
    : `must be letters, digits, "_", "." and "-", such as "data"; it is ${shown(value)}`,
);

const imagePattern =
  /^([a-zA-Z0-9.-]+(:\d{1,5})?\/)?[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/** An image reference as Docker takes it: `[registry[:port]/]name[:tag][@sha256:…]`. */
export const imageRef = text((value) =>
  imagePattern.test(value)
    ? null
    : `must be an image such as "nginx:1.27" or "registry.example.com/team/api:1.4" (the name in lower case); it is ${shown(value)}`,
);

export const envName = text((name) =>
  name === '' || /[=\0]/.test(name) ? 'is not a name for an environment variable' : null,
);

/** Environment: names to texts. */
export const env = tableOf(
  envName,
  text((value) => noNul(value) ?? referenceProblem(value), MAX_WORD),
  most.env,
);

/** The name of a secret. */
export const secretName = text(secretNameProblem);

/** Permissions of a file as chmod takes them; as a number. */
export const fileMode = reads(
  (value) => (/^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : null),
  'must be permissions such as "0400"',
);

export const labels = tableOf(nonEmpty, anyText, most.labels);

/** Under these the master and what answers for unknown hosts are known (shared/pinned-name). */
const RESERVED = 'orca.internal';

function domainProblem(value: string): string | null {
  const it = shown(value);
  if (/^[a-z]+:\/\//.test(value)) return `must be a host name without "https://" in front; it is ${it}`;
  if (value.includes(':')) return `must be a host name without a port; it is ${it}`;
  const ascii = /[^\x20-\x7e]/.test(value) && value.length <= 253 ? domainToASCII(value) : '';
  if (ascii !== '') return `must be written as ${shown(ascii)}`;
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (name.length > 253) return 'must have 253 characters at most';
  if (!name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label))) {
    return `must be a host name such as "api.example.com" or "*.example.com"; it is ${it}`;
  }
  if (name === RESERVED || name.endsWith(`.${RESERVED}`))
    return `must not be of .${RESERVED}, whose names are Orca's own; it is ${it}`;
  const isName = !/(^|\.)\d+$/.test(name) || isIPv4(value);
  return isName ? null : `must be a host name, or a whole IPv4 address; it is ${it}`;
}

/** Bytes of a size such as "64Mi"; null: it is none. */
export function readSize(value: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?b?)?|b)?$/i.exec(value.trim());
  if (!match) return null;
  const power = ['k', 'm', 'g', 't'].indexOf((match[2] ?? '').toLowerCase()) + 1;
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65_535;
}

function hasBlank(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return /[\s\x00-\x1f\x7f]/.test(value);
}
