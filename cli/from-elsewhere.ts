/** The API's address for another host to use. */

/** On the master's host the API may be known by an address that means another host elsewhere. */
export function fromElsewhere(url: string): string {
  const { hostname, host } = new URL(url);
  const isLocal = /^(127\.|localhost$|\[::1\])/.test(hostname);
  return isLocal ? `https://${host.replace(hostname, 'MASTER')}` : url;
}
