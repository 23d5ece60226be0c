/** What the master does for images that no registry has: says who carries which to whom, and relays where two can't reach each other. */
import type { Log } from '../shared/log.js';
import type { Peer } from '../shared/model.js';
import { type Carrying, createCarrying } from './control/carry.js';
import type { States } from './control/states.js';
import { createRelay, type Relay } from './dispatch/relay.js';
import type { Store } from './store/store.js';

export function createCarry(options: {
  store: Store;
  states: States;
  peer(socket: unknown): Peer | null;
  tell(node: string, id: string): void;
  /** What images are pushed below; null: they go from node to node. */
  prefix(): string | null;
  log: Log;
}): Pick<Carrying, 'partOf' | 'ensure'> & { relay: Relay } {
  const carrying = createCarrying(options.store, options.states, options.prefix);
  return { ...carrying, relay: createRelay({ ...options, mayRead: carrying.mayRead }) };
}
