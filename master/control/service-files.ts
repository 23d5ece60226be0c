/**
 * Looks at the files of the services that name some (`tls_cert`, `tls_key`), cheaply while they stay as they are, and remembers
 * what was wrong with them. Decides nothing of what is served: it says what may be taken up, and what is to be told.
 */
import { isRouted } from '../../shared/spec.js';
import { coverage } from '../plan/own-certificate.js';
import type { ServiceState } from '../plan/snapshot.js';
import { readFiles, stampOf, type TlsFiles } from './certificate-files.js';
import { checkCertificate, type Refusal, refusal, type Usable } from './check-certificate.js';

export type ServiceWithTls = ServiceState['service'] & { spec: { tls: TlsFiles } };

export interface Looked {
  /** Read anew and good; it may be what is in use already. */
  good: { service: ServiceWithTls; certificate: Usable }[];
  /** Refused, and not said before. */
  refused: { service: ServiceWithTls; refusal: Refusal }[];
}

export interface ServiceFiles {
  look(services: readonly ServiceWithTls[], nowMs: number): Looked;
  /** By service, as its files were last read. */
  refusals(): Map<string, Refusal>;
  /** All are read again in the next look: what came of this one was not stored. */
  forget(): void;
}

interface Seen {
  stamp: string;
  atMs: number;
  refusal: Refusal | null;
  isTold: boolean;
}

/** What was refused may become right by time alone, or by a folder's permissions. */
const AGAIN_MS = 30_000;

export function createServiceFiles(certDir: () => string): ServiceFiles {
  const seen = new Map<string, Seen>();

  /** Null: they are as they were. */
  const read = ({ key, spec }: ServiceWithTls, nowMs: number): Usable | Refusal | null => {
    const stamp = JSON.stringify([spec.domains, stampOf(spec.tls, certDir())]);
    const before = seen.get(key);
    const isOld = before !== undefined && before.refusal !== null && nowMs - before.atMs >= AGAIN_MS;
    if (before?.stamp === stamp && !isOld) return null;
    const checked = checkServiceFiles(spec, certDir(), nowMs);
    const why = checked.kind === 'refused' ? checked : null;
    const isTold = why !== null && before?.refusal?.reason === why.reason && before.isTold;
    seen.set(key, { stamp, atMs: nowMs, refusal: why, isTold });
    return checked;
  };
  /** Two files are not exchanged in one moment: what is wrong is told when the next look finds it too. */
  const toTell = ({ key }: ServiceWithTls): Refusal | null => {
    const known = seen.get(key);
    if (!known?.refusal || known.isTold) return null;
    known.isTold = true;
    return known.refusal;
  };
  return {
    look(services, nowMs) {
      const looked: Looked = { good: [], refused: [] };
      const keys = new Set(services.map(({ key }) => key));
      for (const key of seen.keys()) if (!keys.has(key)) seen.delete(key);
      for (const service of services) {
        const found = read(service, nowMs);
        if (found?.kind === 'usable') looked.good.push({ service, certificate: found });
        const why = found === null ? toTell(service) : null;
        if (why) looked.refused.push({ service, refusal: why });
      }
      return looked;
    },
    refusals: () => new Map([...seen].flatMap(([key, { refusal: why }]) => (why ? [[key, why]] : []))),
    forget: () => seen.clear(),
  };
}

export const hasTls = (service: ServiceState['service']): service is ServiceWithTls =>
  service.spec.tls !== null && isRouted(service.spec);

/** What the files of the service hold, when that is good for one of its domains at least. */
export function checkServiceFiles(
  { tls, domains }: Pick<ServiceWithTls['spec'], 'tls' | 'domains'>,
  certDir: string,
  nowMs: number,
): Usable | Refusal {
  const read = readFiles(tls, certDir);
  if (read.kind === 'refused') return read;
  const checked = checkCertificate(read, nowMs);
  if (checked.kind === 'refused') return checked;
  if (domains.some((domain) => coverage(checked.names, domain) !== null)) return checked;
  return refusal(
    `the certificate ${read.certName} is for ${checked.names.join(', ')}, and not for ${domains.join(', ')}`,
    'get one for the domains of the service, or mend tls_cert',
  );
}
