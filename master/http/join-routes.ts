/** Join tokens, for admins only. */
import { z } from 'zod';
import {
  createJoinTokenSchema,
  joinTokenCreatedSchema,
  joinTokensReplySchema,
} from '../../shared/api-join.js';
import type { Store } from '../store/store.js';
import { joinTokenView } from './join-view.js';
import type { Enrolment } from './ports.js';
import { answer, type Route, route } from './route.js';

export function joinRoutes(store: Store, enrolment: Enrolment): Route[] {
  return [
    route('POST /join-tokens', {
      summary: 'Makes a token with which hosts can join; its text is in this answer and never shown again',
      access: 'admin',
      body: createJoinTokenSchema,
      reply: joinTokenCreatedSchema,
      run: ({ body, actor }) => {
        const { token, text } = enrolment.createToken(body, actor.by);
        return answer({ ...joinTokenView(token, Date.now()), token: text }, 201);
      },
    }),
    route('GET /join-tokens', {
      summary: 'The join tokens, without their secrets',
      access: 'admin',
      reply: joinTokensReplySchema,
      run: () => answer({ tokens: store.joinTokens().map((token) => joinTokenView(token, Date.now())) }),
    }),
    route('DELETE /join-tokens/:id', {
      summary: 'Nobody can join with this token any more; nodes that have stay',
      access: 'admin',
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        enrolment.revokeToken(params.id ?? '', actor.by);
        return answer({ ok: `join token ${params.id} is revoked` });
      },
    }),
  ];
}
