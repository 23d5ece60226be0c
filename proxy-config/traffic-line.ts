/** Reads one line of the traffic log (traffic-log), PURE. Never throws: what does not fit is null. */

export interface TrafficLine {
  /** `host:port` as Caddy names it. */
  upstream: string;
  status: number;
  /** Null for what is open by design: upgraded connections and event streams. */
  durationMs: number | null;
}

/** Null: not such a line, or no upstream was chosen. */
export function readTrafficLine(text: string): TrafficLine | null {
  const line = parse(text);
  const { user_id: mark, status, duration } = line;
  if (typeof mark !== 'string' || typeof status !== 'number' || typeof duration !== 'number') return null;
  const cut = mark.indexOf('|');
  if (cut < 1 || status < 100 || status > 599) return null;
  const isOpen = status === 101 || mark.startsWith('text/event-stream', cut + 1);
  return { upstream: mark.slice(0, cut), status, durationMs: isOpen ? null : duration * 1_000 };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
