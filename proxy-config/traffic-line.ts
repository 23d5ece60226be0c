/** Reads one line of the traffic log (traffic-log), PURE. Never throws: what does not fit is null. */

export interface TrafficLine {
  /** Who answered; null: no upstream was chosen, or the client left before there was an answer, which says nothing of one. */
  answer: Answer | null;
  /** The upstream of a first try that broke, after which the request was tried again; null: none did. */
  failed: string | null;
}

export interface Answer {
  /** `host:port` as Caddy names it. */
  upstream: string;
  status: number;
  /** Null for what is open by design: upgraded connections and event streams. */
  durationMs: number | null;
}

const UPGRADED = 101;
/** What 2.11.9 says of a client that went away before it had an answer. */
const CLIENT_GONE = 499;

/** Null: not such a line. */
export function readTrafficLine(text: string): TrafficLine | null {
  const { user_id: mark, status, duration } = parse(text);
  if (typeof mark !== 'string' || typeof status !== 'number' || typeof duration !== 'number') return null;
  const [upstream = '', failed = '', ...headers] = mark.split('|');
  return {
    answer: answerOf(upstream, status, duration, headers),
    failed: failed === '' ? null : bareName(failed),
  };
}

function answerOf(upstream: string, said: number, duration: number, headers: string[]): Answer | null {
  const [upgrade = '', type = ''] = headers;
  const status = said === 0 ? unsaidStatus(upgrade) : said;
  if (upstream === '' || status < 100 || status > 599 || status === CLIENT_GONE) return null;
  const isOpen = status === UPGRADED || type.startsWith('text/event-stream');
  return { upstream: bareName(upstream), status, durationMs: isOpen ? null : duration * 1_000 };
}

/** 2.6.2 says 0 where 2.11.9 says 101 or 499; only after an upgrade does the answer keep its Upgrade header. */
function unsaidStatus(upgrade: string): number {
  return upgrade === '' ? CLIENT_GONE : UPGRADED;
}

/** SRV targets come with the dot of the root at their end. */
function bareName(hostport: string): string {
  return hostport.replace(/\.(?=:\d+$)/, '');
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
