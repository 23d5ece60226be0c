/** Where something listens, or is asked, as it is written. */

/** `HOST:PORT` or `[V6]:PORT` taken apart, or null. */
export function readHostPort(value: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(value);
  const portNumber = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || portNumber > 65_535 ? null : { host, port: portNumber };
}
