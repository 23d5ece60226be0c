/** The one place where errors become answers of the API: `{ error, code, hint }`. */
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { OrcaError } from '../../shared/errors.js';

/** Its status, and what every answer that is an error has. */
export function sendError(
  log: FastifyBaseLogger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const shown = asOrcaError(error);
  if (shown.code === 'INTERNAL') log.error({ err: error, url: request.url }, 'a request failed');
  const details = shown.details === null ? {} : { details: shown.details };
  const isDeploy = request.url.startsWith('/api/v1/deploy');
  if (shown.code === 'TOO_MANY_REQUESTS' && !reply.hasHeader('retry-after'))
    reply.header('retry-after', retryAfter(shown));
  return reply.code(shown.status).send({
    error: shown.message,
    code: shown.code,
    hint: shown.hint,
    ...details,
    // Where clients look for what came of a deploy.
    ...(isDeploy
      ? {
          deployed: [],
          errors: [{ service: '', error: shown.message, code: shown.code, hint: shown.hint }],
          rollouts: [],
        }
      : {}),
  });
}

/** Seconds. */
const retryAfter = ({ details }: OrcaError): number =>
  (details as { retry_after_secs?: number } | null)?.retry_after_secs ?? 60;

/** Whatever was thrown, by Fastify too. */
export function asOrcaError(error: unknown): OrcaError {
  if (error instanceof OrcaError) return error;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new OrcaError(
      'BODY_TOO_LARGE',
      'the body is larger than 4 MiB, or than 32 KiB where no token is needed',
    );
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return new OrcaError('BODY_INVALID', crookedPath[code], {
      hint: 'Encode each part of the path by itself: a percent sign is %25, a slash in a name %2F.',
      cause: error,
    });
  // A media type that is none (415) is refused before anything is read.
  if ((statusCode === 400 || statusCode === 415) && error instanceof Error)
    return new OrcaError('BODY_INVALID', error.message, { cause: error });
  return new OrcaError('INTERNAL', 'the master could not do that; its log says why', { cause: error });
}

const crookedPath = {
  FST_ERR_BAD_URL: "the path can't be decoded",
  FST_ERR_MAX_PARAM_LENGTH: 'a part of the path is longer than 300 characters',
};
