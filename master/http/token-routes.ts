/** `/tokens`: which there are, and their changes. The text of one is in the answer that made it, and in no other. */
import * as z from 'zod';
import {
  createTokenSchema,
  ownTokenSchema,
  rotateTokenSchema,
  type TokenView,
  tokenCreatedSchema,
  tokensReplySchema,
} from '../../shared/api-tokens.js';
import { OrcaError } from '../../shared/errors.js';
import { isoOf } from '../../shared/iso.js';
import { anything, ofCluster } from './access.js';
import type { TokenFacts, Tokens } from './access-ports.js';
import type { Guessing } from './guessing.js';
import { answer, type Route, route } from './route.js';

const touches = ofCluster('rule', 'what tokens there are');

export function tokenRoutes(tokens: Tokens, guessing: Guessing, clusterName: () => string): Route[] {
  return [
    route('GET /tokens', {
      summary: 'The tokens, without their texts, and who guesses them now',
      touches,
      reply: tokensReplySchema,
      run: () => {
        const nowMs = Date.now();
        const slowed = guessing
          .slowed(nowMs)
          .map(({ from, failures, untilMs }) => ({ from, failures, until: iso(untilMs) }));
        return answer({
          tokens: tokens.list().map((facts) => tokenView(facts, nowMs)),
          guessing: { failures: guessing.failures(), slowed },
        });
      },
    }),
    route('GET /tokens/self', {
      summary: 'What the token of this request may do',
      touches: anything,
      reply: ownTokenSchema,
      run: ({ holder: { name, role, projects }, expiresAtMs }) =>
        answer({
          ...{ name, role, projects, cluster_name: clusterName() },
          expires_at: expiresAtMs === null ? null : iso(expiresAtMs),
        }),
    }),
    route('POST /tokens', {
      summary: 'Makes a token; its text is in this answer and never shown again',
      touches,
      body: createTokenSchema,
      reply: tokenCreatedSchema,
      run: ({ body, actor }) => answer(created(tokens, tokens.create(body, actor.by)), 201),
    }),
    route('DELETE /tokens/:name', {
      summary: 'Nothing more can be done with this token; what follows with it ends at once',
      touches,
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        tokens.revoke(nameOf(params), actor.by);
        return answer({ ok: `the token ${nameOf(params)} is revoked` });
      },
    }),
    route('POST /tokens/:name/rotate', {
      summary: 'Gives a token another text; the old one is taken for overlap_secs more, or no longer',
      touches,
      body: rotateTokenSchema,
      reply: tokenCreatedSchema,
      run: ({ params, body, actor }) => {
        const overlapMs = (body.overlap_secs ?? 0) * 1_000;
        return answer(created(tokens, tokens.rotate(nameOf(params), overlapMs, actor.by)));
      },
    }),
  ];
}

function nameOf({ name = '' }: Record<string, string>): string {
  // LMDB's keys are short, and no name is that long.
  if (name.length <= 100) return name;
  throw new OrcaError('NOT_FOUND', 'no token has so long a name');
}

const created = ({ caFingerprint }: Tokens, { facts, text }: { facts: TokenFacts; text: string }) => ({
  ...tokenView(facts, Date.now()),
  ...{ token: text, ca_fingerprint: caFingerprint },
});

function tokenView(
  { name, role, projects, source, row, expiresAtMs, lastUse, isWeak }: TokenFacts,
  nowMs: number,
): TokenView {
  const isOver = expiresAtMs !== null && expiresAtMs <= nowMs;
  const state = row !== null && row.revokedAtMs !== null ? 'revoked' : isOver ? 'expired' : 'usable';
  const previous = row?.previous && row.previous.untilMs > nowMs ? row.previous.untilMs : null;
  return {
    ...{ name, role, source, state, weak: isWeak },
    projects: projects === null ? null : [...projects],
    created_by: row?.createdBy ?? null,
    created_at: row === null || row.createdAtMs === 0 ? null : iso(row.createdAtMs),
    expires_at: expiresAtMs === null ? null : iso(expiresAtMs),
    last_used: lastUse === null ? null : { at: iso(lastUse.atMs), from: lastUse.from },
    previous_until: previous === null ? null : iso(previous),
  };
}

const iso = isoOf;
