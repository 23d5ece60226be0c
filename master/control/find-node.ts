/** The node that a request means. */
import { OrcaError } from '../../shared/errors.js';
import type { Node } from '../../shared/model.js';
import type { Reader } from '../store/reader.js';

/** By id, or by what it alone has as name or address, exactly. Throws NOT_FOUND, and CONFLICT where several have it: what is done to a node is done to no other. */
export function findNode(reader: Pick<Reader, 'node' | 'nodes'>, wanted: string): Node {
  const byId = reader.node(wanted);
  if (byId) return byId;
  const called = reader.nodes().filter(({ facts }) => facts.name === wanted || facts.address === wanted);
  const [first, ...more] = called;
  if (first && more.length === 0) return first;
  if (first) {
    const all = called.map(({ id, facts }) => `${facts.name} (${id})`).join(', ');
    throw new OrcaError('CONFLICT', `"${wanted}" is ${called.length} nodes: ${all}`, {
      hint: 'Name one of them by its id.',
    });
  }
  throw new OrcaError('NOT_FOUND', `there is no node "${wanted}"`, {
    hint: 'See `orca nodes` for the nodes there are.',
  });
}
