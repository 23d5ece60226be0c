/** Below it a CA fetches its token over HTTP (RFC 8555, 8.3), and Caddy hands every host's requests on. */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/';
