/** Decides which of Orca's pages Caddy answers with when: handlers and error routes, PURE. */
import { brokenPage, errorPage, notFoundPage, RETRY_AFTER_SECONDS, unavailablePage } from './pages.js';

/**
 * Errors of the proxy itself. That no upstream could be reached, or that there is none, is one thing to a client: 503, and
 * it may ask again, for nothing has been done. An upstream that took the request and broke off is its own fault: 502.
 */
export function errorRoutes(): object[] {
  const again = { 'Retry-After': [String(RETRY_AFTER_SECONDS)], 'Cache-Control': ['no-store'] };
  return [
    {
      match: [{ expression: NOT_REACHED }],
      handle: [htmlResponse(503, unavailablePage(), again)],
      terminal: true,
    },
    {
      match: [{ expression: '{http.error.status_code} in [502, 504]' }],
      handle: [htmlResponse('{http.error.status_code}', brokenPage(), { 'Cache-Control': ['no-store'] })],
      terminal: true,
    },
    { handle: [htmlResponse('{http.error.status_code}', errorPage())] },
  ];
}

/** "no upstreams available" is 503; Go's net package begins what it could not connect to with "dial". */
const NOT_REACHED =
  '{http.error.status_code} == 503 || ({http.error.status_code} in [502, 504] && {http.error.message}.startsWith("dial "))';

/** For whatever no service has. */
export function notFound(): object {
  return htmlResponse(404, notFoundPage());
}

function htmlResponse(status: number | string, body: string, headers: Record<string, string[]> = {}): object {
  return {
    handler: 'static_response',
    status_code: status,
    headers: { 'Content-Type': ['text/html; charset=utf-8'], ...headers },
    body,
  };
}
