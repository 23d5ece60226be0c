/** What to give a provider, once a webhook was made: where to click, what to paste. The secret is printed this once. */
import type { WebhookAdded } from '../shared/api-webhooks.js';
import type { Provider } from '../shared/webhook.js';
import type { Output } from './output.js';
import { infraFiles } from './webhook-table.js';

/** The URL and the secret are the result; the rest stands beside it. */
export function printSetup(output: Output, webhook: WebhookAdded): void {
  const what = infraFiles(webhook) ?? webhook.service_name;
  output.line(`ok ${webhook.id}: pushes to ${webhook.repo} deploy ${what}`);
  output.line(`url:    ${webhook.url}`);
  output.line(`secret: ${webhook.secret ?? '(the one that you gave)'}`);
  if (webhook.secret !== null) output.note('The secret is not shown again.');
  for (const line of steps[webhook.provider](webhook)) output.note(line);
  if (webhook.preview) output.note(`Also: ${pulls[webhook.provider]} events, for the previews.`);
  if (!webhook.is_public)
    output.note(
      'The URL has a certificate of the cluster CA, which the provider does not trust: set [cluster] domain and acme_email, or turn its verification off there.',
    );
  for (const secret of webhook.unset_secrets)
    output.note(`A secret that it names is not set yet: orca secrets set ${secret}`);
  output.note(`Then: orca webhooks test ${webhook.id}`);
}

const pulls: Record<Provider, string> = {
  github: 'pull request',
  gitea: 'pull request and pull request synchronized',
  gitlab: 'merge request',
  generic: 'no',
};

const steps: Record<Provider, (webhook: WebhookAdded) => string[]> = {
  github: ({ repo }) => [
    `At https://github.com/${repo}/settings/hooks/new: Payload URL and Secret as above, Content type application/json, just the push event.`,
  ],
  gitea: ({ repo }) => [
    `At ${repo} → Settings → Webhooks → Add Webhook → Gitea: Target URL and Secret as above, POST, application/json, push events.`,
  ],
  gitlab: ({ repo, tag }) => [
    `At ${repo} → Settings → Webhooks: URL and Secret token as above; trigger: Push events${tag === null ? '' : ' and Tag push events'}.`,
  ],
  generic: ({ url }) => [
    'From any program, with the HMAC-SHA256 of the body:',
    `  curl -fsS ${url} -d "$BODY" -H "X-Hub-Signature-256: sha256=$(printf %s "$BODY" | openssl dgst -sha256 -hmac "$SECRET" | sed 's/.* //')"`,
  ],
};
