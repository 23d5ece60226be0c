/**
 * What a line of Caddy's log says of a certificate that it tries to get. PURE. As 2.6.2 and 2.11.9 write it: JSON with `level`, `logger`,
 * `msg` and `error`; what keeps it from starting is a line of plain text.
 */

export interface CaddySaid {
  words: string;
  /** It has given up for now: it would try again in a minute. */
  isRefusal: boolean;
}

/** Null: nothing that tells why. */
export function readCaddyLine(line: string): CaddySaid | null {
  const text = line.trim();
  if (text === '') return null;
  const entry = parsed(text);
  if (entry === null) return { words: shortened(text), isRefusal: false };
  const { level = '', logger = '', msg = '', error } = entry;
  if (level !== 'error' && level !== 'fatal' && level !== 'panic') return null;
  const words = shortened(typeof error === 'string' ? error : msg);
  return { words, isRefusal: logger === 'tls.obtain' || logger === 'tls' };
}

/**
 * Without the way that an error has taken through Caddy: `[NAME] solving challenges: presenting for challenge: …` and
 * `Error: loading … module: provision dns.providers.NAME: …`, and without the address of the go-between.
 */
function shortened(text: string): string {
  const provider =
    /(?:provision|decoding module config:) dns\.providers\.[\w.-]+: (.*)$/s.exec(text) ??
    /loading DNS provider module: (.*)$/s.exec(text);
  const short = (provider?.[1] ?? text)
    .replace(/^Error: /, '')
    .replace(/^\[[^\]]*\] (?:Obtain: )?(?:\[[^\]]*\] )?/, '')
    .replace(/^solving challenges?: (?:[^\s:]+: )?/, '')
    .replace(/ \((?:order|ca)=http:\/\/127\.0\.0\.1:[^)]*\)/g, '')
    .trim();
  return short || text;
}

interface Entry {
  level?: string;
  logger?: string;
  msg?: string;
  error?: unknown;
}

function parsed(text: string): Entry | null {
  if (!text.startsWith('{')) return null;
  try {
    return JSON.parse(text) as Entry;
  } catch {
    return null;
  }
}
