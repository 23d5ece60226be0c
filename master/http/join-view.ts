/** A join token as the API shows it, without its secret's hash. PURE. */
import type { JoinTokenView } from '../../shared/api-join.js';
import type { JoinToken } from '../store/tables.js';
import { iso } from './rollout-view.js';

export function joinTokenView(token: JoinToken, nowMs: number): JoinTokenView {
  return {
    id: token.id,
    state: stateOf(token, nowMs),
    labels: token.labels,
    uses: token.uses,
    uses_left: Math.max(0, token.uses - token.used.length),
    nodes: [...new Set(token.used.map(({ node }) => node))],
    created_by: token.createdBy,
    created_at: iso(token.createdAtMs),
    expires_at: iso(token.expiresAtMs),
  };
}

function stateOf(token: JoinToken, nowMs: number): JoinTokenView['state'] {
  if (token.revokedAtMs !== null) return 'revoked';
  if (token.used.length >= token.uses) return 'used';
  return token.expiresAtMs <= nowMs ? 'expired' : 'usable';
}
