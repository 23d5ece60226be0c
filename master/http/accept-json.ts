/** How bodies are read: as JSON that means one thing to everybody, or left to the handler. */
import type { FastifyInstance } from 'fastify';
import { OrcaError } from '../../shared/errors.js';
import { refuseDeep } from './json-depth.js';
import { refuseTwice } from './json-keys.js';

/** A body is JSON whatever its Content-Type says, and may be empty (clients of the Rust Orca do both). */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, text, done) => {
    try {
      const given = text.toString();
      refuseDeep(given);
      const body: unknown = given === '' ? null : JSON.parse(given);
      refuseTwice(given);
      done(null, body);
    } catch (cause) {
      if (cause instanceof OrcaError) return done(cause);
      done(new OrcaError('BODY_INVALID', 'the body is not JSON', { cause }));
    }
  });
}

/** Nobody reads a body before its handler does. */
export function leaveBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_, __, done) => done(null, undefined));
}
