/**
 * Whether any node could ever take an allocation, were it empty, connected and open: what no wait can mend is refused at
 * once, with the reason of each node. Only what a node is counts here (its name and size); labels can be given to it.
 * Pure.
 */
import { OrcaError } from '../../shared/errors.js';
import type { Node } from '../../shared/model.js';
import type { ServiceSpec } from '../../shared/spec.js';
import { isPinnedElsewhere } from './filters.js';

const SHOWN_NODES = 5;

/** Throws NO_NODE_FITS. Without any node there is nothing to judge by: the first one may be about to join. */
export function refuseImpossible(spec: ServiceSpec, nodes: readonly Node[]): void {
  const reasons = nodes.map((node) => reasonOn(node, spec));
  if (reasons.length === 0 || reasons.includes(null)) return;
  const shown = nodes.slice(0, SHOWN_NODES).map(({ facts }, i) => `${facts.name} ${reasons[i]}`);
  const more = nodes.length > SHOWN_NODES ? `; and ${nodes.length - SHOWN_NODES} more` : '';
  throw new OrcaError('NO_NODE_FITS', `${spec.name}: no node could ever take it: ${shown.join('; ')}${more}`);
}

function reasonOn(node: Node, { placement, container }: ServiceSpec): string | null {
  const { cpus, memoryBytes } = container.resources;
  const has = node.facts;
  if (isPinnedElsewhere(node, placement)) return `is not ${placement.node}`;
  if (cpus !== null && cpus > has.cpus) return `has ${has.cpus} CPUs, and it asks for ${cpus}`;
  if (memoryBytes !== null && memoryBytes > has.memoryBytes)
    return `has ${mebibytes(has.memoryBytes)} of memory, and it asks for ${mebibytes(memoryBytes)}`;
  return null;
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`;
