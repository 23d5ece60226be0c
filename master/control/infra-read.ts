/** Reads the services of an infrastructure repository at a push: a node clones it, and every file is read as `orca deploy` reads them. */
import { parseServiceFiles } from '../../shared/config/service-files.js';
import { messageOf, OrcaError } from '../../shared/errors.js';
import type { InfraSource } from '../../shared/infra.js';
import type { Node } from '../../shared/model.js';
import type { ReadSource, SourceRead } from '../../shared/sources.js';
import type { ServiceSpec } from '../../shared/spec.js';
import type { Delivery, Webhook } from '../../shared/webhook.js';
import { emptyReason, filesOf, refOf } from '../plan/infra.js';

/** `isFinal`: it is the repository's, and would be the same elsewhere. */
export type InfraRead =
  | { kind: 'read'; commit: string | null; specs: ServiceSpec[] }
  | { kind: 'problem'; reason: string; isFinal: boolean };

export interface InfraReading {
  ask(node: string, request: Omit<ReadSource, 'type' | 'id'>): Promise<SourceRead>;
  /** The newest value of a secret of all projects; null: there is none that can be read. */
  secret(name: string): string | null;
}

/** Never rejects. */
export async function readInfra(
  { ask, secret }: InfraReading,
  webhook: Webhook & { infra: InfraSource },
  delivery: Delivery,
  { id }: Pick<Node, 'id'>,
): Promise<InfraRead> {
  const { infra } = webhook;
  try {
    const read = await ask(id, {
      ...{ webhook: webhook.id, repo: infra.url, paths: infra.paths, insecureHttp: infra.insecureHttp },
      ...{ ref: refOf(delivery, webhook), commit: delivery.push.commit },
      deployKey: infra.deployKey === null ? null : sent(infra.deployKey, secret),
      token: infra.token === null ? null : sent(infra.token, secret),
    });
    const problem = read.problem ?? emptyReason(read.files, infra);
    if (problem !== null) return { kind: 'problem', reason: problem, isFinal: true };
    const services = await parseServiceFiles(filesOf(read.files));
    return { kind: 'read', commit: read.commit, specs: services.map(({ spec }) => spec) };
  } catch (error) {
    const isFinal = !(error instanceof OrcaError && error.code === 'NODE_UNREACHABLE');
    return { kind: 'problem', reason: messageOf(error), isFinal };
  }
}

function sent(name: string, secret: InfraReading['secret']): NonNullable<ReadSource['token']> {
  const value = secret(name);
  if (value !== null) return { value, reason: null };
  return { value: null, reason: `"${name}" is not set: orca secrets set ${name}` };
}
