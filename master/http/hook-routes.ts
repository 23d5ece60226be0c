/**
 * `POST /webhooks/github` and its like: what providers call. No token: who can sign the bytes of the body with a webhook's secret may have
 * its service deployed, and nothing is parsed before that is proved. What is refused leaves nothing but a count.
 *
 * What nobody has proved costs little: bodies together get so much room and no more, small ones beside large ones, so that neither
 * waits for the other; and of a body only so much is hashed, which a call to a webhook's own URL (one secret) never comes near.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { receivedSchema } from '../../shared/api-webhooks.js';
import { OrcaError } from '../../shared/errors.js';
import { type Provider, providers } from '../../shared/webhook.js';
import type { Proven } from './access.js';
import { type BodyRoom, createBodyRoom } from './body-room.js';
import { drainBody } from './drain-body.js';
import { declaredLength, MAX_HOOK_BYTES, readBody, tooLarge } from './hook-body.js';
import { readPayload } from './hook-payload.js';
import { createVerifier, readHeaders, type Verifier } from './hook-signature.js';
import type { Hooks } from './ports.js';
import { type Answer, answer, type Route, route } from './route.js';

/** What a push usually is, one with many commits, and the largest: bytes of one, and of all together. */
const LANES = [
  { upTo: 64 * 1024, inAll: 64 * 1024 * 1024 },
  { upTo: 1024 * 1024, inAll: 64 * 1024 * 1024 },
  { upTo: MAX_HOOK_BYTES, inAll: 2 * MAX_HOOK_BYTES },
];
const PATIENCE_MS = 20_000;
const MAX_WAITING = 1_000;
const MAX_HASHED_BYTES = 128 * 1024 * 1024;

/** `refused` counts by provider. */
export function hookRoutes(hooks: Hooks, refused: Map<string, number>): Route[] {
  const lanes = LANES.map(({ upTo, inAll }) => ({
    ...{ upTo, room: createBodyRoom(inAll, PATIENCE_MS, MAX_WAITING) },
  }));
  const take = async (provider: Provider, id: string | null, raw: IncomingMessage): Promise<Answer> => {
    try {
      return await takeCall(hooks, lanes, provider, id, raw);
    } catch (error) {
      if (error instanceof OrcaError && REFUSALS.includes(error.code))
        refused.set(provider, (refused.get(provider) ?? 0) + 1);
      // Who is cut off while sending may never see the answer. (Of what is too large the API takes care.)
      if (!(error instanceof OrcaError && error.code === 'BODY_TOO_LARGE')) await drainBody(raw);
      throw error;
    }
  };
  const definition = (provider: Provider, id: (params: Record<string, string>) => string | null) => ({
    summary: `Takes a call of ${provider === 'generic' ? 'any program' : provider}, signed with the secret of a webhook`,
    touches: {
      what: 'open' as const,
      who: ({ params }: { params: Record<string, string> }) => whoOf(hooks, provider, id(params)),
      told: 'refusals' as const,
    },
    raw: true,
    maxBody: MAX_HOOK_BYTES,
    reply: receivedSchema,
    run: ({ raw, params }: { raw: IncomingMessage; params: Record<string, string> }) =>
      take(provider, id(params), raw),
  });
  return providers.flatMap((provider) => [
    ...(provider === 'generic'
      ? []
      : [
          route(
            `POST /webhooks/${provider}`,
            definition(provider, () => null),
          ),
        ]),
    route(
      `POST /webhooks/${provider}/:id`,
      definition(provider, ({ id }) => id ?? ''),
    ),
  ]);
}

/** Of a webhook that is there: any other id is what somebody wrote. */
const whoOf = (hooks: Hooks, provider: Provider, id: string | null): Proven =>
  id !== null && hooks.secrets(provider, id).length > 0
    ? { kind: 'webhook', by: id }
    : { kind: 'nobody', by: 'nobody' };

const REFUSALS: string[] = ['SIGNATURE_INVALID', 'BODY_TOO_LARGE', 'TOO_MANY_REQUESTS'];

type Lanes = { upTo: number; room: BodyRoom }[];

async function takeCall(
  hooks: Hooks,
  lanes: Lanes,
  provider: Provider,
  id: string | null,
  raw: IncomingMessage,
): Promise<Answer> {
  const { proof, event, remoteId } = readHeaders(provider, raw.headers);
  if (proof === null) throw notSigned('it is not signed');
  const bytes = declaredLength(raw) ?? MAX_HOOK_BYTES;
  const lane = lanes.find(({ upTo }) => bytes <= upTo);
  if (!lane) throw tooLarge();
  const secrets = hooks.secrets(provider, id);
  const verifier = createVerifier(
    provider,
    proof,
    secrets.map(({ secret }) => secret),
  );
  refuseEarly(verifier, bytes);
  const giveBack = await lane.room.take(bytes);
  try {
    const body = await readBody(raw, verifier.update);
    const signedFor = verifier.fitting().flatMap((at) => secrets[at]?.webhooks ?? []);
    if (signedFor.length === 0) throw notSigned(UNKNOWN);
    const digest = createHash('sha256').update(body).digest('hex');
    const { 'content-type': type = '', 'content-encoding': encoding = '' } = raw.headers;
    const payload = readPayload(body, { provider, type, encoding });
    return reply(await hooks.receive({ provider, signedFor, event, remoteId, digest, payload }));
  } finally {
    giveBack();
  }
}

/** What can be known without the body: GitLab's token, and how much of it would be hashed. */
function refuseEarly(verifier: Verifier, bytes: number): void {
  if (verifier.hashes === 0 && verifier.fitting().length === 0) throw notSigned(UNKNOWN);
  if (verifier.hashes > 1 && verifier.hashes * bytes > MAX_HASHED_BYTES) throw tooManySecrets();
}

function reply({ isPing, deliveries }: Awaited<ReturnType<Hooks['receive']>>): Answer {
  // Its webhook was removed since.
  if (deliveries.length === 0) throw notSigned(UNKNOWN);
  const isDuplicate = deliveries.every((one) => one.isDuplicate);
  const data = {
    ok: isPing
      ? 'pong'
      : isDuplicate
        ? 'this delivery was taken in before; nothing more comes of it'
        : 'taken in',
    delivery: deliveries[0]?.delivery.id ?? null,
    duplicate: isDuplicate,
    deliveries: deliveries.map(({ delivery: { id, service, state, reason }, isDuplicate: duplicate }) => ({
      ...{ delivery: id, service, state, reason, duplicate },
    })),
  };
  return answer(data, isPing || isDuplicate ? 200 : 202);
}

const UNKNOWN = 'no webhook here has the secret that it is signed with';

const notSigned = (why: string): OrcaError =>
  new OrcaError('SIGNATURE_INVALID', `this call is refused: ${why}`);

const tooManySecrets = (): OrcaError =>
  new OrcaError(
    'BODY_TOO_LARGE',
    'the payload is too large to be tried with the secret of every webhook here',
    {
      hint: "Send it to the webhook's own URL, which `orca webhooks` shows.",
    },
  );
