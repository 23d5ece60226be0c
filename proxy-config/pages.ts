/**
 * The small pages that the ingress answers with by itself. But for the maintenance page, which Caddy never sees as its own,
 * they hold no user text and no braces: Caddy would read `{…}` in a body as a placeholder.
 */

/** What `Retry-After` says on every 503 of ours, in seconds. */
export const RETRY_AFTER_SECONDS = 5;

/** 404: no service has this name or path. */
export function notFoundPage(): string {
  return page('404 Not found', 'No service is published under this address.');
}

/** 503: the service is known and nothing of it can answer now. */
export function unavailablePage(): string {
  return page(
    '503 Service unavailable',
    'This service is not ready to answer. Please try again in a moment.',
  );
}

/** 503: taken out of service by its owner, who says why. Shown by the sorry server alone, never as a body of Caddy's. */
export function maintenancePage(text: string): string {
  return page('503 In maintenance', escaped(text));
}

/** 502 or 504: the service took the request, and there was no whole answer. */
export function brokenPage(): string {
  return page('502 Bad gateway', 'The service ended this request without an answer.');
}

/** Any other error of the proxy itself. */
export function errorPage(): string {
  return page('The request could not be answered', 'Please try again in a moment.');
}

function escaped(text: string): string {
  const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' };
  return text.replace(/[&<>"']/g, (char) => `&${names[char]};`);
}

function page(title: string, sentence: string): string {
  const style = 'font-family: system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width"></head>
<body style="${style}"><h1>${title}</h1><p>${sentence}</p></body></html>
`;
}
