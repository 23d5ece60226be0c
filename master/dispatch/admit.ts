/** Who may open a session: a node that this master knows, with a certificate that has not expired. */

import { closeCodes } from '../../shared/close-codes.js';
import type { Peer } from '../../shared/model.js';
import { KNOWN_SINCE, removedKey } from '../store/hold.js';
import type { Store } from '../store/store.js';

/** `isStranger`: its certificate is older than what this store knows of nodes, which was lost or restored. */
export type Admission = { node: string; isStranger: boolean } | { code: number; reason: string };

/** What the store says of nodes. */
export interface Known {
  isKnown(node: string): boolean;
  isRemoved(node: string): boolean;
  /** It knows of every node that was issued a certificate from here on, ms. */
  sinceMs: number;
}

/** Reasons fit into a close frame (123 bytes, RFC 6455 5.5) and say what to do. */
export function admit(peer: Peer | null, known: Known): Admission {
  if (!peer)
    return {
      code: closeCodes.notAuthorized,
      reason: "no client certificate of this cluster's CA: run `orca join`",
    };
  const node = peer.node.slice(0, 32);
  const isStranger = !known.isKnown(peer.node);
  if (isStranger && (known.isRemoved(peer.node) || !isOlder(peer, known)))
    return {
      code: closeCodes.unknownNode,
      reason: `node ${node} is not known here, or was removed: run \`orca join\``,
    };
  if (peer.isExpired)
    return {
      code: closeCodes.certificateExpired,
      reason: `the certificate of node ${node} has expired: run \`orca join\` on its host`,
    };
  return { node: peer.node, isStranger };
}

const isOlder = ({ issuedAtMs }: Peer, { sinceMs }: Known): boolean =>
  issuedAtMs !== undefined && issuedAtMs + SECOND_MS <= sinceMs;

/** A certificate's dates have no more than seconds. */
const SECOND_MS = 1_000;

/** What the store says of nodes. */
export function knownTo(store: Store): Known {
  const since = store.meta(KNOWN_SINCE);
  return {
    isKnown: (node) => store.identity(node) !== undefined,
    isRemoved: (node) => store.meta(removedKey(node)) !== undefined,
    sinceMs: typeof since === 'number' ? since : 0,
  };
}
