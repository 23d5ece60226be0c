/**
 * What is believed of a node's own words about where it is. Services are placed and labelled by names and addresses, and with them go secrets; requests
 * go to where its copies say they are. So its name is the one that it joined with; a new address is taken only where its connection comes from there (any
 * other it tells by joining again, with a token); and its copies are at its own address. The master's own node is the host of the master itself.
 */
import { isIP } from 'node:net';
import type { AllocationObserved, NodeFacts } from '../../shared/protocol.js';

export interface Known {
  /** What it joined with. */
  name: string | undefined;
  /** Undefined: it was never heard of. */
  address: string | undefined;
  isLocal: boolean;
}

/** `from`: the other end of its connection. */
export function believedFacts(said: NodeFacts, known: Known, from: string): NodeFacts {
  const isBelieved =
    known.isLocal ||
    known.address === undefined ||
    isSameAddress(said.address, known.address) ||
    isSameAddress(said.address, from);
  return {
    ...said,
    name: known.name ?? said.name,
    address: isBelieved ? said.address : (known.address ?? said.address),
  };
}

/** A copy that is said to be elsewhere is nowhere, and says why. */
export function believedCopy(observed: AllocationObserved, address: string): AllocationObserved {
  const { endpoint } = observed;
  if (endpoint === null || isSameAddress(endpoint.address, address)) return observed;
  return {
    ...observed,
    endpoint: null,
    reason:
      observed.reason ??
      `nothing is sent to it: it is said to be at ${endpoint.address}, and its node is at ${address}`,
  };
}

function isSameAddress(one: string, other: string): boolean {
  return one === other || (isIP(plain(one)) !== 0 && canonical(one) === canonical(other));
}

const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');

/** IPv6 addresses have several spellings, of which a URL has one. */
function canonical(address: string): string {
  const of = plain(address);
  return isIP(of) === 6 ? new URL(`http://[${of}]/`).hostname : of;
}
