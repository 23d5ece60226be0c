/** The codes that sessions are closed with (RFC 6455 section 7.4.2: 4000 to 4999 are an application's own). */

/** Why a session ends: code → what the other side is told and does. 1000/1001: normal, reconnect with back-off. */
export const closeCodes = {
  badMessage: 4400,
  notAuthorized: 4401,
  /** A node id that this master never issued, or that was removed. */
  unknownNode: 4404,
  silent: 4408,
  replaced: 4409,
  certificateExpired: 4410,
  /** Another agent with the same identity is connected, and the two have replaced each other again and again. */
  cloned: 4423,
  versionMismatch: 4426,
} as const;
