/**
 * A ping to a webhook's own URL, signed as its provider would: says whether that is reachable from this host, and whether its certificate is one
 * that providers trust. Only ever sent to this master's own address. Never rejects.
 */
import { createHmac, randomUUID } from 'node:crypto';
import https from 'node:https';
import { rootCertificates } from 'node:tls';
import type { WebhookTest } from '../shared/api-webhooks.js';
import { messageOf } from '../shared/errors.js';
import type { Provider, Webhook } from '../shared/webhook.js';

const PATIENCE_MS = 10_000;

export async function pingHook(
  webhook: Webhook,
  secret: string,
  url: string,
  caPem: string,
): Promise<WebhookTest> {
  const body = JSON.stringify(pingBody(webhook));
  const headers = { 'content-type': 'application/json', ...signed(webhook.provider, secret, body) };
  const beganMs = performance.now();
  const result = (
    reached: { status: number; certificate: 'public' | 'cluster' } | null,
    message: string,
  ): WebhookTest => ({
    url,
    reachable: reached?.status === 200,
    status: reached?.status ?? null,
    certificate: reached?.certificate ?? null,
    message,
    took_ms: Math.round(performance.now() - beganMs),
  });
  try {
    const status = await post(url, body, headers, [...rootCertificates]);
    return result({ status, certificate: 'public' }, said(status));
  } catch (error) {
    if (!isUntrusted(error)) return result(null, `no answer: ${messageOf(error)}`);
  }
  try {
    const status = await post(url, body, headers, [caPem]);
    const but =
      'its certificate is of the cluster CA, which no provider trusts: set [cluster] domain and acme_email, or have the provider not verify it';
    return result({ status, certificate: 'cluster' }, `${said(status)}; ${but}`);
  } catch (error) {
    return result(null, `no answer: ${messageOf(error)}`);
  }
}

const said = (status: number): string =>
  status === 200
    ? 'it answered the ping'
    : `it answered ${status}, which is not this master's answer to a ping`;

const isUntrusted = (error: unknown): boolean =>
  /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_UNTRUSTED/.test((error as NodeJS.ErrnoException).code ?? '');

/** As GitHub's ping: https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping */
const pingBody = ({ repo }: Webhook): object => ({
  zen: 'Anything added dilutes everything else.',
  // No two are the same call.
  hook_id: randomUUID(),
  ...{ repository: { full_name: repo }, project: { path_with_namespace: repo } },
});

function signed(provider: Provider, secret: string, body: string): Record<string, string> {
  const hmac = createHmac('sha256', secret).update(body).digest('hex');
  const id = randomUUID();
  const headers: Record<Provider, Record<string, string>> = {
    github: { 'x-github-event': 'ping', 'x-github-delivery': id, 'x-hub-signature-256': `sha256=${hmac}` },
    gitea: { 'x-gitea-event': 'ping', 'x-gitea-delivery': id, 'x-gitea-signature': hmac },
    gitlab: { 'x-gitlab-event': 'ping', 'x-gitlab-event-uuid': id, 'x-gitlab-token': secret },
    generic: { 'x-orca-event': 'ping', 'x-orca-delivery': id, 'x-hub-signature-256': `sha256=${hmac}` },
  };
  return headers[provider];
}

function post(url: string, body: string, headers: Record<string, string>, ca: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, ca, agent: false, signal: AbortSignal.timeout(PATIENCE_MS) };
    const request = https.request(url, options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
