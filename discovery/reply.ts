/**
 * The bytes of a query in, the bytes of the answer out. PURE; what is malformed gets none (null), and nothing throws.
 *
 * The question is given back byte by byte, as resolvers compare it: a label may hold anything (RFC 2181 11), also a dot. What a
 * query has behind its question, such as options of EDNS, is not looked at.
 */
import dnsPacket, { type Answer } from 'dns-packet';
import { answerTo, type NameAnswer } from './names.js';
import type { Served } from './served.js';

/** Short: an address outlives its service's containers, but not a service that was removed. */
const TTL_SECONDS = 5;
const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const NOTIMP = 4;
const REFUSED = 5;

const rcodes: Record<NameAnswer['kind'], number> = {
  address: NOERROR,
  empty: NOERROR,
  unknown: NXDOMAIN,
  refused: REFUSED,
};

const HEADER_BYTES = 12;
const QDCOUNT_AT = 4;
/** Of the type and the class behind a question's name. */
const KIND_BYTES = 4;
const MAX_LABEL_BYTES = 63;

/** `served` null: nothing is known yet, which is no reason to say that a name does not exist. */
export function replyTo(served: Served | null, project: string | null, query: Buffer): Buffer | null {
  try {
    const asked = withoutRest(query);
    if (asked === null) return null;
    const packet = dnsPacket.decode(asked);
    const question = packet.questions?.[0];
    if (packet.type !== 'query' || !question) return null;
    const flags = packet.flags ?? 0;
    const isQuery = ((flags >> 11) & 0xf) === 0;
    const answer = isQuery && served !== null ? answerTo(served, project, question) : null;
    const rcode = answer === null ? (isQuery ? SERVFAIL : NOTIMP) : rcodes[answer.kind];
    const answers: Answer[] =
      answer?.kind === 'address'
        ? [{ type: 'A', name: question.name, ttl: TTL_SECONDS, data: answer.address }]
        : [];
    const authority = rcode === REFUSED ? 0 : dnsPacket.AUTHORITATIVE_ANSWER;
    const reply = dnsPacket.encode({
      type: 'response',
      id: packet.id ?? 0,
      flags: authority | (flags & dnsPacket.RECURSION_DESIRED) | dnsPacket.RECURSION_AVAILABLE | rcode,
      answers,
    });
    reply.writeUInt16BE(1, QDCOUNT_AT);
    return Buffer.concat([
      reply.subarray(0, HEADER_BYTES),
      asked.subarray(HEADER_BYTES),
      reply.subarray(HEADER_BYTES),
    ]);
  } catch {
    return null;
  }
}

/** A query with its one question alone; null when it has not one. */
function withoutRest(query: Buffer): Buffer | null {
  if (query.readUInt16BE(QDCOUNT_AT) !== 1) return null;
  let at = HEADER_BYTES;
  // Throws past the end; nothing stands before the first name for it to point to.
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    if (length > MAX_LABEL_BYTES) return null;
    at += length + 1;
  }
  const end = at + 1 + KIND_BYTES;
  if (query.length < end) return null;
  const asked = Buffer.from(query.subarray(0, end));
  return asked.fill(0, QDCOUNT_AT + 2, HEADER_BYTES);
}
