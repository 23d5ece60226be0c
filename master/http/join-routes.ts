/**
 * Join tokens, for admins only; and the paths of hosts themselves, which need no bearer token: `/join` and `/join/check`
 * with a join token, `/nodes/renew` and `/nodes/self` with the client certificate of a node.
 */
import * as z from 'zod';
import {
  createJoinTokenSchema,
  joinCheckReplySchema,
  joinCheckSchema,
  joinReplySchema,
  joinRequestSchema,
  joinTokenCreatedSchema,
  joinTokensReplySchema,
  ownNodeSchema,
  renewReplySchema,
  renewRequestSchema,
} from '../../shared/api-join.js';
import { OrcaError } from '../../shared/errors.js';
import type { Store } from '../store/store.js';
import { ofCluster, type Proven } from './access.js';
import { joinTokenView } from './join-view.js';
import type { Enrolment } from './ports.js';
import { createRateLimit } from './rate-limit.js';
import { answer, type Call, type Route, route } from './route.js';
import type { Views } from './views.js';
import { createWayBack } from './way-back.js';

/** What needs no bearer token is kept small. */
const MAX_HOST_BODY_BYTES = 32 * 1024;

export function joinRoutes(store: Store, enrolment: Enrolment, views: Pick<Views, 'nodes'>): Route[] {
  const limit = createRateLimit();
  const isReached = createWayBack();
  return [
    route('POST /join', {
      summary: 'Makes this host a node; needs a join token in place of a bearer token',
      touches: { what: 'open', who: byJoinToken, told: 'all' },
      maxBody: MAX_HOST_BODY_BYTES,
      body: joinRequestSchema,
      reply: joinReplySchema,
      run: ({ body, from }) => {
        limit.take(from.address, Date.now());
        return answer(enrolment.join(body, from.peer));
      },
    }),
    route('POST /join/check', {
      summary: 'Whether this host would become a node, and the master reaches it; changes nothing',
      touches: { what: 'open', who: byJoinToken, told: 'refusals' },
      maxBody: MAX_HOST_BODY_BYTES,
      body: joinCheckSchema,
      reply: joinCheckReplySchema,
      run: async ({ body, from }) => {
        limit.take(from.address, Date.now());
        enrolment.check(body, from.peer);
        const { way_back, address } = body;
        return answer({ reached: way_back && (await isReached({ address, ...way_back }, from.address)) });
      },
    }),
    route('GET /nodes/self', {
      summary: 'What the master says of the node whose client certificate the connection shows',
      touches: { what: 'open', who: byCertificate, told: 'none' },
      reply: ownNodeSchema,
      run: ({ from }) => {
        // Who has a certificate has proved who it is; anybody else is counted.
        if (from.peer === null) limit.take(from.address, Date.now());
        const own = views.nodes().find(({ node_id }) => node_id === from.peer?.node);
        if (!own)
          throw new OrcaError(
            'NODE_NOT_ENROLLED',
            'no client certificate of a node of this cluster was shown',
          );
        const { node_id, name, state, reason } = own;
        return answer({ node_id, name, state, reason, clock: new Date().toISOString() });
      },
    }),
    route('POST /nodes/renew', {
      summary: 'A new certificate for the node whose client certificate the connection shows',
      touches: { what: 'open', who: byCertificate, told: 'all' },
      maxBody: MAX_HOST_BODY_BYTES,
      body: renewRequestSchema,
      reply: renewReplySchema,
      run: ({ body, from }) => {
        limit.take(from.address, Date.now());
        return answer(enrolment.renew(body.csr, from.peer));
      },
    }),
    route('POST /join-tokens', {
      summary: 'Makes a token with which hosts can join; its text is in this answer and never shown again',
      touches: ofCluster('rule', 'what lets hosts join'),
      body: createJoinTokenSchema,
      reply: joinTokenCreatedSchema,
      run: ({ body, actor }) => {
        const { token, text } = enrolment.createToken(body, actor.by);
        return answer({ ...joinTokenView(token, Date.now()), token: text }, 201);
      },
    }),
    route('GET /join-tokens', {
      summary: 'The join tokens, without their secrets',
      touches: ofCluster('rule', 'what lets hosts join'),
      reply: joinTokensReplySchema,
      run: () => answer({ tokens: store.joinTokens().map((token) => joinTokenView(token, Date.now())) }),
    }),
    route('DELETE /join-tokens/:id', {
      summary: 'Nobody can join with this token any more; nodes that have stay',
      touches: ofCluster('rule', 'what lets hosts join'),
      reply: z.object({ ok: z.string() }),
      run: ({ params, actor }) => {
        enrolment.revokeToken(params.id ?? '', actor.by);
        return answer({ ok: `join token ${shownId(params.id ?? '')} is revoked` });
      },
    }),
  ];
}

/** Of a whole token, its id. */
const shownId = (named: string): string => /^orca-join\.([^.]*)/.exec(named)?.[1] ?? named;

/** Its id is no secret; whether the rest is right is not known yet. */
function byJoinToken({ body }: { body: unknown }): Proven {
  const { token } = (body ?? {}) as { token?: unknown };
  const id = /^orca-join\.(j-[0-9a-f]{8})\./.exec(typeof token === 'string' ? token : '')?.[1];
  return id === undefined ? { kind: 'nobody', by: 'nobody' } : { kind: 'join-token', by: id };
}

const byCertificate = ({ from }: Pick<Call<unknown, unknown>, 'from'>): Proven =>
  from.peer === null ? { kind: 'nobody', by: 'nobody' } : { kind: 'node', by: from.peer.node };
