/**
 * What a name is served with, as `orca certs` shows it: where its certificate comes from, until when, why it has no better one, and
 * what its owner can do. PURE: from the store's records and what was found of the user's files. In this order one serves: the
 * user's, one by ACME, the user's that has expired, the cluster's own.
 */
import type { CertificateView } from '../../shared/api-certificates.js';
import { isoOf } from '../../shared/iso.js';
import type { AcmeRecord } from '../store/tables.js';
import type { CertificateProblem, OwnCertificateFacts } from './ports.js';

export interface CertificateFacts {
  name: string;
  /** `project/name` of those that are served under it. */
  services: string[];
  /** Of the cluster's own CA; null: it has none of it. */
  ca: Dates | null;
  acme: AcmeRecord | null;
  /** Why no CA would issue for it, though ACME is on. */
  notPublic: string | null;
  /** One by ACME is wanted. */
  isOrdered: boolean;
  /** Nothing is ordered or renewed any more. */
  isAcmeOff: boolean;
  own: OwnCertificateFacts | null;
  /** Services of this name whose files were refused. */
  refused: ({ service: string } & CertificateProblem)[];
  /** Services of this name whose files are good; for this name or others of theirs. */
  withFiles: string[];
  nowMs: number;
}

interface Dates {
  notBeforeMs: number;
  notAfterMs: number;
}

type Served = Pick<CertificateView, 'source' | 'from' | 'issuer' | 'expires_at' | 'renews_at'>;
type Judged = Pick<CertificateView, 'state' | 'reason' | 'todo' | 'next_try_at'> &
  Partial<Pick<CertificateView, 'seen_at' | 'renews_at'>>;

export const CLUSTER_CA = 'Orca cluster CA';
const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

export function certificateView(facts: CertificateFacts): CertificateView {
  const served = servedOf(facts);
  return {
    name: facts.name,
    services: facts.services,
    seen_at: null,
    ...served,
    ...(refusedOf(facts, served) ?? judgedOf(facts, served)),
  };
}

/** An upload that no name is served with. */
export function unusedView(own: OwnCertificateFacts, nowMs: number): CertificateView {
  const isOver = own.notAfterMs <= nowMs;
  const reason = isOver
    ? `it expired on ${day(own.notAfterMs)}`
    : `nothing is served under a name that it is for (${own.names.join(', ')}) and has no better one`;
  return {
    name: nameIn(own.id),
    services: [],
    seen_at: null,
    ...ownServed(own),
    state: isOver ? 'refused' : 'issued',
    reason,
    todo: `orca certs rm ${nameIn(own.id)}`,
    next_try_at: null,
  };
}

/* ---- what serves it ---------------------------------------------------------------------------------------------- */

function servedOf({ own, acme, ca, nowMs }: CertificateFacts): Served {
  if (own && own.notAfterMs > nowMs) return ownServed(own);
  const issued = acme?.certificate;
  if (issued && issued.notAfterMs > nowMs)
    return { source: 'acme', from: null, issuer: issued.issuer, ...dates(issued) };
  if (own) return ownServed(own);
  const none = { expires_at: '', renews_at: null };
  return { source: 'orca', from: null, issuer: CLUSTER_CA, ...(ca ? dates(ca) : none) };
}

const ownServed = ({ id, issuer, notAfterMs }: OwnCertificateFacts): Served => ({
  ...{ source: 'own', from: id, issuer },
  ...{ expires_at: iso(notAfterMs), renews_at: null },
});

/** Both are renewed when two thirds of their time have passed. */
const dates = ({ notBeforeMs, notAfterMs }: Dates) => ({
  expires_at: iso(notAfterMs),
  renews_at: iso(notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3),
});

/* ---- whether that is as it should be ----------------------------------------------------------------------------- */

/** Files that are named and not usable, and what has expired: the owner wants something else than what is served. */
function refusedOf({ refused, own, nowMs }: CertificateFacts, served: Served): Judged | null {
  const [first] = refused;
  const instead = insteadOf(served);
  if (first) {
    const isOld = own?.id === `files:${first.service}` && served.from === own.id;
    const stays = isOld ? `the one taken up before stays, until ${served.expires_at.slice(0, 10)}` : instead;
    return {
      ...{ state: 'refused', reason: `${first.reason}; ${stays}`, todo: first.todo },
      next_try_at: null,
    };
  }
  if (!own || own.notAfterMs > nowMs) return null;
  const reason = `the certificate of ${whose(own.id)} expired on ${day(own.notAfterMs)}; ${instead}`;
  return { state: 'refused', reason, todo: newOne(own.id), next_try_at: null };
}

function insteadOf({ source, from, issuer }: Served): string {
  if (source === 'orca') return "one of the cluster's own CA is served, which browsers don't trust";
  return source === 'acme' ? `one of ${issuer} is served` : `that of ${whose(from ?? '')} is served`;
}

function judgedOf(facts: CertificateFacts, { source }: Served): Judged {
  const good: Judged = { state: 'issued', reason: null, todo: null, next_try_at: null };
  if (source === 'own') return { ...good, ...endingOf(facts) };
  const isServed = source === 'acme';
  // It was had once, and would not be renewed.
  if (facts.notPublic !== null && isServed) return { ...good, state: 'failing', reason: facts.notPublic };
  if (facts.isAcmeOff && isServed) return unrenewed;
  if (!facts.acme || facts.notPublic !== null || facts.isAcmeOff) return { ...good, ...otherwiseOf(facts) };
  return acmeJudged(facts.acme, isServed, facts.nowMs);
}

const unrenewed: Judged = {
  state: 'failing',
  reason:
    'ACME is off (no acme_email in cluster.toml): it is not renewed, and one of the cluster CA follows it',
  todo: 'set acme_email again, or bring a certificate of your own: orca certs add',
  next_try_at: null,
  renews_at: null,
};

/** Why it has none of anybody else, though that could be expected. */
function otherwiseOf(facts: CertificateFacts): Partial<Judged> {
  const { name, notPublic, isOrdered } = facts;
  const [service] = facts.withFiles;
  if (isOrdered)
    return { state: 'ordering', reason: 'Orca looks whether a CA can be shown that it is yours' };
  if (service === undefined) return { reason: notPublic };
  const reason = `the certificate of ${service} (tls_cert) is not for ${name}`;
  return { state: 'refused', reason, todo: `get one that is for ${name} too` };
}

function acmeJudged({ problem, order, nextAtMs }: AcmeRecord, isServed: boolean, nowMs: number): Judged {
  const [reason, todo] = [problem?.reason ?? null, problem?.todo ?? null];
  const next_try_at = problem ? iso(nextAtMs) : null;
  if (problem)
    return {
      ...{ state: isServed ? 'failing' : 'waiting', reason, todo, next_try_at },
      seen_at: iso(problem.atMs),
    };
  if (order) return { state: 'ordering', reason, todo, next_try_at };
  if (isServed) return { state: 'issued', reason, todo, next_try_at };
  if (nextAtMs > nowMs)
    return { state: 'waiting', reason: 'it is ordered later', todo, next_try_at: iso(nextAtMs) };
  return { state: 'ordering', reason, todo, next_try_at };
}

/** Only its owner can renew it, so its end is said in time. */
function endingOf({ own, nowMs }: CertificateFacts): Pick<Judged, 'reason' | 'todo'> {
  if (!own || own.notAfterMs - nowMs > SOON_MS) return { reason: null, todo: null };
  const days = Math.max(1, Math.round((own.notAfterMs - nowMs) / DAY_MS));
  const reason = `it expires in ${days} ${days === 1 ? 'day' : 'days'}, on ${day(own.notAfterMs)}`;
  return { reason, todo: newOne(own.id) };
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

const nameIn = (id: string): string => id.slice(id.indexOf(':') + 1);
const isUpload = (id: string): boolean => id.startsWith('upload:');

const whose = (id: string): string => (isUpload(id) ? `orca certs add ${nameIn(id)}` : nameIn(id));

const newOne = (id: string): string =>
  isUpload(id)
    ? `orca certs add '${nameIn(id)}' --cert FILE --key FILE, with a new one`
    : `put a new one into the files that ${nameIn(id)} names (tls_cert, tls_key); it is taken up within seconds`;

const iso = isoOf;
const day = (ms: number): string => iso(ms).slice(0, 10);
