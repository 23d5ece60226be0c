/** JSON lines on stdout by the logger that Fastify brings (pino); tokens and keys never get into it. */
import Fastify, { type FastifyBaseLogger } from 'fastify';

export function createLogger(level: string): FastifyBaseLogger {
  const redact = ['req.headers.authorization', 'headers.authorization', 'token', 'secret', 'keyPem', 'env'];
  return Fastify({ logger: { level, base: null, redact } }).log;
}
