/** Asks an agent to replace itself by what this master serves. What comes of it is in the reports of the agent. */
import { OrcaError } from '../../shared/errors.js';
import { programName, type Upgrade } from '../../shared/upgrade.js';
import type { Store } from '../store/store.js';
import { findNode } from './find-node.js';

export interface UpgradeOptions {
  store: Store;
  isLocal(id: string): boolean;
  /** What hosts get from this master; throws NOT_FOUND where nothing was built. */
  served: () => Promise<Omit<Upgrade, 'type'>>;
  /** Throws NODE_UNREACHABLE without a session. */
  send(node: string, message: Upgrade): void;
}

export interface Upgraded {
  node: string;
  version: string;
  /** What its agent will run from. */
  program: string;
  /** It does already: nothing was asked. */
  isThere: boolean;
}

/** Throws NOT_FOUND, CONFLICT for an agent that is not upgraded this way, and NODE_UNREACHABLE. */
export function createUpgrade({ store, isLocal, served, send }: UpgradeOptions) {
  return async (wanted: string, by: string): Promise<Upgraded> => {
    const { id, facts } = findNode(store, wanted);
    if (isLocal(id))
      throw new OrcaError(
        'CONFLICT',
        `${facts.name} is the master's own node: its agent is upgraded with the master`,
        {
          hint: 'Run ./install.sh from the checkout of the version that you want.',
        },
      );
    const file = await served();
    const program = programName(file.sha256);
    const upgraded = { node: id, version: file.version, program, isThere: facts.program === program };
    if (upgraded.isThere) return upgraded;
    const message: Upgrade = { type: 'upgrade', ...file };
    if (facts.program === undefined) throw notByItself(facts.name);
    send(id, message);
    store.write((tx) =>
      tx.addEvent({
        atMs: Date.now(),
        kind: 'node.upgrade',
        service: null,
        node: id,
        rollout: null,
        message: `node ${facts.name}: its upgrade from ${facts.version} to ${file.version} was asked for by ${by}`,
      }),
    );
    return upgraded;
  };
}

const notByItself = (name: string): OrcaError =>
  new OrcaError('CONFLICT', `the agent of ${name} can't replace itself`, {
    hint: "It is older, or was not started by install.sh: run the line of `orca join-token create` on its host, which brings the master's version.",
  });
