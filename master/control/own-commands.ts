/** What the API asks about the user's own certificates; what it changes is served at once. */
import type { OwnCertificates } from './own-certificates.js';

export function createOwnCommands(own: OwnCertificates, serveAnew: () => void) {
  return {
    add: (...args: Parameters<OwnCertificates['add']>): ReturnType<OwnCertificates['add']> => {
      const added = own.add(...args);
      serveAnew();
      return added;
    },
    remove: (...args: Parameters<OwnCertificates['remove']>): void => {
      own.remove(...args);
      serveAnew();
    },
    problemOf: own.problemOf,
    own: own.of,
    uploads: own.uploads,
    refusals: own.refusals,
  };
}
