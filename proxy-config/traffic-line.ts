/** Reads one line of the traffic log (traffic-log), PURE. Never throws: what does not fit is null. */

export interface TrafficLine {
  /** `host:port` as Caddy names it. */
  upstream: string;
  status: number;
  /** Null for what is open by design: upgraded connections and event streams. */
  durationMs: number | null;
}

/** Null: not such a line, no upstream was chosen, or no status was given (2.6.2: the client went away, or upgraded). */
export function readTrafficLine(text: string): TrafficLine | null {
  const line = parse(text);
  const { user_id: mark, status, duration } = line;
  if (typeof mark !== 'string' || typeof status !== 'number' || typeof duration !== 'number') return null;
  const cut = mark.indexOf('|');
  if (cut < 1 || status < 100 || status > 599) return null;
  const isOpen = status === 101 || mark.startsWith('text/event-stream', cut + 1);
  return { upstream: bareName(mark.slice(0, cut)), status, durationMs: isOpen ? null : duration * 1_000 };
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
