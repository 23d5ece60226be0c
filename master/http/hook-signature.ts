/**
 * By what each provider proves that a call is its own: an HMAC-SHA256 of the body's bytes (GitHub, Gitea, generic), or the secret itself
 * (GitLab). Compared in constant time, with every secret that it may be.
 *
 * GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries · Gitea:
 * https://docs.gitea.com/usage/webhooks#authorization-header · GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { hashSecret, isSameHash } from '../../shared/secret-hash.js';
import type { Provider } from '../../shared/webhook.js';

export interface HookHeaders {
  /** HMAC in lower case hex, or GitLab's token; null: the call proves nothing. */
  proof: string | null;
  event: string;
  remoteId: string | null;
}

/** Takes the body's bytes as they come, and says at the end which of the secrets it is signed with. */
export interface Verifier {
  /** Of each byte of the body, so many are hashed. */
  hashes: number;
  update(bytes: Buffer): void;
  /** Indexes into the secrets. */
  fitting(): number[];
}

const names: Record<Provider, { proof: string[]; event: string[]; id: string[] }> = {
  github: { proof: ['x-hub-signature-256'], event: ['x-github-event'], id: ['x-github-delivery'] },
  gitea: {
    proof: ['x-gitea-signature', 'x-forgejo-signature'],
    event: ['x-gitea-event', 'x-forgejo-event'],
    id: ['x-gitea-delivery', 'x-forgejo-delivery'],
  },
  gitlab: {
    proof: ['x-gitlab-token'],
    event: ['x-gitlab-event'],
    // The key stays the same when GitLab tries again.
    id: ['idempotency-key', 'x-gitlab-event-uuid'],
  },
  generic: {
    proof: ['x-hub-signature-256', 'x-orca-signature-256'],
    event: ['x-orca-event'],
    id: ['x-orca-delivery', 'idempotency-key'],
  },
};

export function readHeaders(provider: Provider, headers: IncomingHttpHeaders): HookHeaders {
  const { proof, event, id } = names[provider];
  const remoteId = first(headers, id);
  return {
    proof: proofOf(provider, first(headers, proof)),
    event: first(headers, event) ?? (provider === 'generic' ? 'generic' : 'unnamed'),
    remoteId: remoteId !== null && /^[!-~]{1,200}$/.test(remoteId) ? remoteId : null,
  };
}

function first(headers: IncomingHttpHeaders, wanted: string[]): string | null {
  for (const name of wanted) {
    const value = headers[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

function proofOf(provider: Provider, value: string | null): string | null {
  if (provider === 'gitlab' || value === null) return value;
  return /^(?:sha256=)?([0-9a-f]{64})$/i.exec(value)?.[1]?.toLowerCase() ?? null;
}

export function createVerifier(provider: Provider, proof: string, secrets: readonly string[]): Verifier {
  if (provider === 'gitlab') {
    const hash = hashSecret(proof);
    return {
      hashes: 0,
      update: () => undefined,
      fitting: () => matching(secrets, (secret) => isSameHash(hashSecret(secret), hash)),
    };
  }
  // Without any secret a call is refused no sooner.
  const keys = secrets.length > 0 ? secrets : [randomBytes(32)];
  const hmacs = keys.map((key) => createHmac('sha256', key));
  return {
    hashes: hmacs.length,
    update: (bytes) => {
      for (const hmac of hmacs) hmac.update(bytes);
    },
    fitting: () => {
      const wanted = Buffer.from(proof, 'hex');
      const same = hmacs.map((hmac) => timingSafeEqual(hmac.digest(), wanted));
      return matching(secrets, (_, at) => same[at] === true);
    },
  };
}

const matching = <T>(all: readonly T[], fits: (one: T, at: number) => boolean): number[] =>
  all.map(fits).flatMap((is, at) => (is ? [at] : []));
