/** What a Caddy is, by its version: what it says of itself, and what differs between versions. */
import { caddyOutput } from '../shared/caddy-binary.js';

/** The version such as `2.6.2`, or null when the binary doesn't say (a build by `go install` says `unknown`). */
export async function caddyVersion(binary: string): Promise<string | null> {
  const short = await caddyOutput(binary, 'version');
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(short)?.[1];
  if (version !== undefined) return version;
  const long = await caddyOutput(binary, 'build-info');
  return /caddyserver\/caddy\/v2\s+v(\d+\.\d+\.\d+\S*)/.exec(long)?.[1] ?? null;
}

/** What differs between versions of Caddy. */
export interface CaddyTraits {
  /** A request's body is still there after a refused connection: mended within 2.11.0 to 2.11.4 (Caddy's source). */
  keepsBodies: boolean;
  /** A connection that is accepted and has sent no request yet is served though another config is loaded, so that a load costs no
   *  handshake: not with the current Go, whose `Shutdown` closes it; known of 2.6, and not taken for granted of what lies between. */
  servesAccepted: boolean;
  /** `stream_close_delay` (2.7): upgraded connections outlive a load, and are counted on. */
  keepsStreams: boolean;
}

/** Whether a Caddy of this version asks at each handshake, as far as it is known (see tls). */
export const asksForCertificates = (version: string | null): boolean =>
  version !== null && !caddyTraits(version).servesAccepted;

/** An unknown version has none of them. */
export function caddyTraits(version: string | null): CaddyTraits {
  const [major = 0, minor = 0, patch = 0] = (version ?? '')
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  if (major !== 2) return { keepsBodies: major > 2, servesAccepted: false, keepsStreams: major > 2 };
  return {
    keepsBodies: minor > 11 || (minor === 11 && patch >= 4),
    servesAccepted: minor <= 6,
    keepsStreams: minor >= 7,
  };
}
