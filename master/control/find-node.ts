/** The node that a request means. */
import { OrcaError } from '../../shared/errors.js';
import type { Node } from '../../shared/model.js';
import type { Reader } from '../store/reader.js';

/** By id, name or address, exactly. Throws NOT_FOUND. */
export function findNode(reader: Pick<Reader, 'node' | 'nodes'>, wanted: string): Node {
  const found =
    reader.node(wanted) ??
    reader.nodes().find(({ facts }) => facts.name === wanted || facts.address === wanted);
  if (found) return found;
  throw new OrcaError('NOT_FOUND', `there is no node "${wanted}"`, {
    hint: 'See `orca nodes` for the nodes there are.',
  });
}
