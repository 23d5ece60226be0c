/** PURE: who may open a session: a node that this master knows, with a certificate that has not expired. */
import type { Peer } from '../../shared/model.js';
import { closeCodes } from '../../shared/protocol.js';

export type Admission = { node: string } | { code: number; reason: string };

/** Reasons fit into a close frame (123 bytes, RFC 6455 5.5) and say what to do. */
export function admit(peer: Peer | null, isKnown: (node: string) => boolean): Admission {
  if (!peer)
    return {
      code: closeCodes.notAuthorized,
      reason: "no client certificate of this cluster's CA: run `orca join`",
    };
  const node = peer.node.slice(0, 32);
  if (!isKnown(peer.node))
    return {
      code: closeCodes.unknownNode,
      reason: `node ${node} is not known here, or was removed: run \`orca join\``,
    };
  if (peer.isExpired)
    return {
      code: closeCodes.certificateExpired,
      reason: `the certificate of node ${node} has expired: run \`orca join\` on its host`,
    };
  return { node: peer.node };
}
