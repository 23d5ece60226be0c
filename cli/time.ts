/** Times for people: the local clock, to the second; and how long ago. */
import { formatDuration } from '../shared/duration.js';

/** `2026-01-31 14:05:09` of an ISO time; what is no time is shown as it is. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** How long before `nowMs` an ISO time was, such as `5m 10s`. */
export function since(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  return Number.isNaN(ms) ? '' : formatDuration(Math.max(0, ms));
}
