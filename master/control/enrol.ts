/**
 * How a host becomes a node, and stays the same one: its join, and the renewal of its certificate. Each is judged and
 * written in one transaction; whatever is refused has used nothing up and changed nothing.
 *
 * An id is never taken from what a host says: a new one is made, unless the host proves to be a node already, by the key
 * of its certificate (which may have expired) or by the key with which this token was used before (its answer got lost).
 */
import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import type { JoinReply, JoinRequest, RenewReply } from '../../shared/api-join.js';
import { readSigningRequest } from '../../shared/csr.js';
import { formatDuration } from '../../shared/duration.js';
import { OrcaError } from '../../shared/errors.js';
import { parseJoinToken } from '../../shared/join-token.js';
import type { Peer } from '../../shared/model.js';
import { PROTOCOL_VERSION } from '../../shared/protocol.js';
import { aNewNode } from '../store/new-node.js';
import type { Reader } from '../store/reader.js';
import type { Store } from '../store/store.js';
import type { JoinToken, NodeIdentity } from '../store/tables.js';
import type { Transaction } from '../store/transaction.js';
import { checkUses, liveToken, takeUse } from './join-tokens.js';

/** What this needs of the cluster's CA. */
export interface NodeIssuer {
  caPem: string;
  clusterId: string;
  signNode(
    nodeId: string,
    publicKey: KeyObject,
    nowMs: number,
  ): { certPem: string; notBeforeMs: number; notAfterMs: number };
}

export interface Enrol {
  /** Throws JOIN_TOKEN_*, PROTOCOL_MISMATCH, CLOCK_SKEW, CSR_INVALID and NODE_NAME_TAKEN. */
  join(request: JoinRequest, peer: Peer | null): JoinReply;
  /** Throws what `join` would throw (or nothing, where `renew` would do), and changes nothing. */
  check(request: JoinRequest, peer: Peer | null): void;
  /** A new certificate for the node of the connection. Throws NODE_NOT_ENROLLED and CSR_INVALID. */
  renew(csr: string, peer: Peer | null): RenewReply;
}

/** Clocks may differ by this much: certificates, expiries and ages are told by them. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;

export function createEnrol(store: Store, issuer: NodeIssuer, clusterName: () => string): Enrol {
  const certified = (tx: Transaction, identity: NodeIdentity, key: KeyObject, nowMs: number): RenewReply => {
    const { certPem, notAfterMs } = issuer.signNode(identity.node, key, nowMs);
    tx.putIdentity({ ...identity, notAfterMs });
    return {
      node_id: identity.node,
      certificate: certPem,
      ca: issuer.caPem,
      expires_at: new Date(notAfterMs).toISOString(),
      cluster_id: issuer.clusterId,
      cluster_name: clusterName(),
    };
  };
  return {
    join: (request, peer) =>
      store.write((tx) => {
        const nowMs = Date.now();
        const { token, before, publicKey, use } = judged(tx, request, peer, nowMs);
        const node = before?.node ?? freeId(tx);
        if (!hasUsed(token, use.key, node)) takeUse(tx, token, { node, ...use });
        putNode(tx, node, request, nowMs);
        const known = before ?? aNewIdentity(node, nowMs);
        const labels = { ...known.labels, ...token.labels };
        const identity = { ...known, name: request.name, labels };
        return { ...certified(tx, identity, publicKey, nowMs), rejoined: before !== null };
      }),
    check(request, peer) {
      const nowMs = Date.now();
      checkProtocol(request.protocol);
      checkClock(Date.parse(request.clock), nowMs);
      const node = peer === null || peer.isExpired ? undefined : store.identity(peer.node);
      if (node?.name === request.name) return;
      const { token, before, use } = judged(store, request, peer, nowMs);
      if (!hasUsed(token, use.key, before?.node)) checkUses(token);
    },
    renew: (csr, peer) =>
      store.write((tx) => {
        const identity = enrolled(tx, peer);
        return certified(tx, identity, readSigningRequest(csr), Date.now());
      }),
  };
}

/** Everything that speaks against a join but the uses that are left of its token. */
function judged(reader: Reader, request: JoinRequest, peer: Peer | null, nowMs: number) {
  const token = liveToken(reader, parseJoinToken(request.token), nowMs);
  checkProtocol(request.protocol);
  checkClock(Date.parse(request.clock), nowMs);
  const publicKey = readSigningRequest(request.csr);
  const use = { key: keyMark(publicKey), atMs: nowMs };
  const before = ownIdentity(reader, token, peer, use.key);
  checkName(reader, request, before?.node ?? null);
  return { token, publicKey, use, before };
}

/** Asking again with the key of a join whose answer got lost takes no further use. */
const hasUsed = (token: JoinToken, key: string, node: string | undefined): boolean =>
  token.used.some((one) => one.node === node && one.key === key);

function checkProtocol(protocol: number): void {
  if (protocol === PROTOCOL_VERSION) return;
  throw new OrcaError(
    'PROTOCOL_MISMATCH',
    `this host speaks version ${protocol} of the protocol, the master version ${PROTOCOL_VERSION}`,
  );
}

function checkClock(hostMs: number, nowMs: number): void {
  const skewMs = Math.abs(hostMs - nowMs);
  if (skewMs <= MAX_CLOCK_SKEW_MS) return;
  const [host, master] = [hostMs, nowMs].map((ms) => new Date(ms).toISOString());
  throw new OrcaError(
    'CLOCK_SKEW',
    `this host's clock says ${host}, the master's ${master}: they are ${formatDuration(skewMs)} apart, and may be ${formatDuration(MAX_CLOCK_SKEW_MS)}`,
  );
}

/** Who this host is already, by a proof; null when it is new here, or was removed. */
function ownIdentity(reader: Reader, token: JoinToken, peer: Peer | null, key: string): NodeIdentity | null {
  const node = peer?.node ?? token.used.find((use) => use.key === key)?.node;
  return (node === undefined ? undefined : reader.identity(node)) ?? null;
}

/**
 * Names are what people call nodes by, and services their places: two of one name would be mistaken for each other, and so would one that is
 * called as another is addressed, or the other way round.
 */
function checkName(
  reader: Reader,
  { name, address }: Pick<JoinRequest, 'name' | 'address'>,
  own: string | null,
): void {
  const there = reader
    .nodes()
    .map(({ id, facts }) => ({ node: id, name: facts.name, address: facts.address }));
  const named = reader.identities().map((one) => ({ node: one.node, name: one.name, address: null }));
  const others = [...named, ...there].filter(({ node }) => node !== own);
  const refuse = (what: string, node: string): never => {
    throw new OrcaError('NODE_NAME_TAKEN', `there is a node ${what} already (${node})`);
  };
  for (const other of others) {
    if (name === other.name) refuse(`named ${name}`, other.node);
    if (name === other.address) refuse(`with the address ${name}`, other.node);
    if (name === other.node) refuse('with that id', other.node);
    if (address === other.name || address === other.node) refuse(`called ${address}`, other.node);
  }
}

function enrolled(tx: Transaction, peer: Peer | null): NodeIdentity {
  if (!peer) throw new OrcaError('NODE_NOT_ENROLLED', "no client certificate of this cluster's CA was shown");
  if (peer.isExpired)
    throw new OrcaError('NODE_NOT_ENROLLED', `the certificate of node ${peer.node} has expired`);
  const identity = tx.identity(peer.node);
  if (!identity)
    throw new OrcaError('NODE_NOT_ENROLLED', `node ${peer.node} is not known here, or was removed`);
  return identity;
}

function freeId(reader: Reader): string {
  for (;;) {
    const id = `n-${randomBytes(4).toString('hex')}`;
    if (!reader.identity(id) && !reader.node(id)) return id;
  }
}

const aNewIdentity = (node: string, nowMs: number): NodeIdentity => ({
  node,
  name: '',
  labels: {},
  issuedAtMs: nowMs,
  notAfterMs: 0,
});

/** It is shown before its agent has connected, which then says the rest of its facts. */
function putNode(tx: Transaction, id: string, { name, address }: JoinRequest, nowMs: number): void {
  const before = tx.node(id);
  const unknown = { version: '', os: '', arch: '', cpus: 0, memoryBytes: 0, pid: 0 };
  const node = before ?? {
    ...aNewNode(id, { ...unknown, name, address }),
    lastSeenAtMs: nowMs,
    awaySinceMs: nowMs,
  };
  tx.putNode({ ...node, facts: { ...node.facts, name, address } });
}

const keyMark = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
